/** A spectrum to draw, and its order and units. */

export interface Axis {
  readonly name: string;
  readonly unit: string;
}

export interface Spectrum {
  readonly title: string;
  /** Ascending; wavelength, or the number of the pixel. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly error: Float64Array | null;
  readonly xAxis: Axis;
  readonly yAxis: Axis;
}

/** One spectrum or many, each made when it is looked at. */
export interface Spectra {
  readonly count: number;
  readonly notes: readonly string[];
  label(index: number): string;
  get(index: number): Promise<Spectrum>;
}

/** Bring a spectrum in the order of its wavelength; pixels without a wavelength are left out. */
export function ascending(spectrum: Spectrum): Spectrum {
  const { x, y, error } = spectrum;
  let sorted = true;
  for (let i = 0; i < x.length && sorted; i++) {
    sorted = Number.isFinite(x[i]) && (i === 0 || x[i] >= x[i - 1]);
  }
  if (sorted) {
    return spectrum;
  }
  const order = Array.from(x.keys()).filter(i => Number.isFinite(x[i])).sort((a, b) => x[a] - x[b]);
  const pick = (values: Float64Array): Float64Array => Float64Array.from(order, i => values[i]);
  return { ...spectrum, x: pick(x), y: pick(y), error: error && pick(error) };
}

/** Units as people write them. */
export function prettyUnit(unit: string): string {
  const lean = unit.trim().replace(/^'+|'+$/g, '');
  if (/^angstroms?$/i.test(lean)) {
    return 'Å';
  }
  if (/^nanomet(er|re)s?$/i.test(lean)) {
    return 'nm';
  }
  return lean;
}
