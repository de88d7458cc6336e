/** The Python that reads a file, to be copied. */
import type { Format } from './model';

/** Endings that `Result.read` knows. */
const RESULT = /\.(fits|ecsv|vot|parquet)$/i;
const ASTROPY: Record<Format, string> = { FITS: 'fits', ECSV: 'ascii.ecsv', VOTable: 'votable', Parquet: 'parquet' };

export interface What {
  readonly spectrum: boolean;
  readonly table: boolean;
  /** Which HDU or table of the file is shown. */
  readonly part: number;
  readonly format: Format | null;
}

export function pythonFor(path: string, what: What): string {
  const quoted = JSON.stringify(path);
  if (what.spectrum && what.format !== 'Parquet') {
    return `import stellarnb as snb\n\nspectra = snb.read(${quoted})`;
  }
  if (!what.table && what.format === 'FITS') {
    return `from astropy.io import fits\n\nhdus = fits.open(${quoted})`;
  }
  const first = what.part === 0 || (what.format === 'FITS' && what.part === 1);
  if (first && RESULT.test(path)) {
    return `import stellarnb as snb\n\ntable = snb.Result.read(${quoted})`;
  }
  const which = first ? '' : what.format === 'FITS' ? `, hdu=${what.part}` : what.format === 'VOTable' ? `, table_id=${what.part}` : '';
  const form = what.format ? `, format=${JSON.stringify(ASTROPY[what.format])}` : '';
  return `from astropy.table import QTable\n\ntable = QTable.read(${quoted}${form}${which})`;
}

/** The line for a file that was not opened, by its name alone. */
export function pythonUnopened(path: string): string {
  const quoted = JSON.stringify(path);
  return /\.parquet$/i.test(path)
    ? `table = snb.Result.read(${quoted})`
    : `spectra = snb.read(${quoted})  # a table: snb.Result.read(${quoted})`;
}
