/** Spectra in FITS images: a wavelength scale on axis 1, linear or logarithmic. */
import type { DataFile, Image, Part } from './model';
import { ascending, type Axis, prettyUnit, type Spectra } from './spectrum';

/** Errors from here on are APOGEE's mark of a pixel without data. */
const NO_DATA = 1e9;
/** Extensions that hold the error of the flux; of RAVE and GALAH it is a fraction of the flux. */
const ERRORS = /^(ERR|ERROR|ERRORS|SIGMA|UNCERT|UNCERTAINTY|STDDEV|ERRS)$/i;

interface Scale {
  readonly axis: Axis;
  at(pixel: number): number;
}

export async function imageSpectra(file: DataFile, part: Part, image: Image): Promise<Spectra | null> {
  const scale = scaleOf(part, image.width) ?? (await borrowed(file, part, image));
  // An image of many rows without a scale is a picture, and one of bytes is text.
  const bytes = part.keyword('BITPIX') === 8;
  if (image.width < 2 || (!scale && (image.height > 1 || bytes))) {
    return null;
  }
  const axis: Axis = scale?.axis ?? { name: 'Pixel', unit: '' };
  const errors = await errorsOf(file, part, image);
  const name = String(part.keyword('OBJECT') ?? file.parts[0].keyword('OBJECT') ?? '').trim();
  const unit = prettyUnit(String(part.keyword('BUNIT') ?? ''));
  const notes = scale ? [] : ['Its header gives no wavelength scale (CRVAL1 with CDELT1 or CD1_1): drawn against the pixel.'];
  if (scale && errors?.fraction) {
    notes.push(`The error is ${errors.name} × flux: the extension holds a fraction.`);
  }
  return {
    count: image.height,
    notes,
    label: index => (image.height > 1 ? `row ${index + 1}${isApogee(image) && index === 0 ? ', combined' : ''}` : name),
    get: async index => {
      const y = await image.row(index);
      const error = errors ? await errors.row(index) : null;
      const x = Float64Array.from({ length: y.length }, (_, i) => (scale ? scale.at(i + 1) : i + 1));
      for (let i = 0; error && i < y.length; i++) {
        if (errors?.fraction) {
          error[i] = Math.abs(error[i] * y[i]);
        } else if (error[i] >= NO_DATA) {
          y[i] = error[i] = NaN;
        }
      }
      return ascending({
        title: name, x, y, error, xAxis: axis,
        yAxis: { name: 'Flux', unit }
      });
    }
  };
}

function isApogee(image: Image): boolean {
  return image.width === 8575;
}

/** Read the wavelength scale of axis 1. */
export function scaleOf(part: Part, width: number): Scale | null {
  const number = (key: string): number | undefined => {
    const value = part.keyword(key);
    return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
  };
  const step = number('CDELT1') ?? number('CD1_1');
  const start = number('CRVAL1');
  const reference = number('CRPIX1') ?? 1;
  if (step === undefined || start === undefined || step === 0) {
    return null;
  }
  const kind = String(part.keyword('CTYPE1') ?? '').toUpperCase().trim();
  if (/^(RA|DEC|GLON|GLAT|ELON|ELAT)-/.test(kind) || kind === 'LINEAR-POS') {
    return null;
  }
  const linear = (pixel: number): number => start + step * (pixel - reference);
  const unit = String(part.keyword('CUNIT1') ?? '').trim() || (/ANGSTROM/.test(kind) ? 'Angstrom' : '');
  const largest = Math.max(linear(1), linear(width));
  const marked = part.keyword('DC-FLAG') === 1 || part.keyword('DC-FLAG') === 1n || kind.includes('LOG');
  // Only a scale that can be no wavelength in Angstrom is taken for a logarithm unasked.
  const decimal = marked || (!unit && largest > 0 && largest < 5);
  const ends = [linear(1), linear(width)];
  if (ends.some(end => !Number.isFinite(end)) || (decimal && ends.some(end => Math.abs(end) > 10))) {
    return null;
  }
  return { axis: axisOf(kind, decimal && /log/i.test(unit) ? '' : unit), at: decimal ? pixel => 10 ** linear(pixel) : linear };
}

function axisOf(kind: string, unit: string): Axis {
  const shown = unit ? prettyUnit(unit) : 'Å (not in the header)';
  if (/^(FREQ|VELO|VRAD|VOPT|ENER|WAVN)/.test(kind)) {
    return { name: kind, unit: prettyUnit(unit) };
  }
  if (kind.startsWith('AWAV')) {
    return { name: 'Wavelength in air', unit: shown };
  }
  return { name: /^WAVE(?!LENGT)/.test(kind) ? 'Wavelength in vacuum' : 'Wavelength', unit: shown };
}

/** The scale of another extension of this width, where this one has none (GALAH, RAVE). */
async function borrowed(file: DataFile, part: Part, image: Image): Promise<Scale | null> {
  if (part.keyword('CRVAL1') !== undefined) {
    return null;
  }
  for (const other of file.parts) {
    if (other !== part && Number(other.keyword('NAXIS1')) === image.width && other.keyword('TFIELDS') === undefined) {
      const scale = scaleOf(other, image.width);
      if (scale) {
        return scale;
      }
    }
  }
  return null;
}

interface Errors {
  readonly name: string;
  readonly fraction: boolean;
  row(index: number): Promise<Float64Array>;
}

/** The extension with the errors: by its name, or where APOGEE and GALAH have it. */
async function errorsOf(file: DataFile, part: Part, image: Image): Promise<Errors | null> {
  const index = file.parts.indexOf(part);
  const nameOf = (one: Part): string => String(one.keyword('EXTNAME') ?? '').trim();
  if (ERRORS.test(nameOf(part))) {
    return null;
  }
  const words = ['ORIGIN', 'INSTRUME', 'SURVEY'].map(key => String(file.parts[0].keyword(key) ?? '')).join(' ');
  const galah = /GALAH|HERMES/i.test(words);
  const apogee = isApogee(image) && index === 1;
  const other = apogee ? file.parts[2] : galah ? file.parts[1] : file.parts.find(one => ERRORS.test(nameOf(one)));
  if (!other || other === part) {
    return null;
  }
  const { image: errors } = await other.open();
  if (!errors || errors.width !== image.width || errors.height !== image.height) {
    return null;
  }
  const rave = nameOf(part).toUpperCase() === 'SPECTRUM' && nameOf(other).toUpperCase() === 'ERROR';
  const fraction = rave || (galah && !/SIGMA/i.test(nameOf(other)));
  return { name: nameOf(other) || 'HDU 1', fraction, row: row => errors.row(row) };
}
