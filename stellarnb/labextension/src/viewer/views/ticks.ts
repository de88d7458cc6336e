/** Places and words of the ticks of an axis. */

export interface Ticks {
  readonly places: readonly number[];
  readonly labels: readonly string[];
  /** Power of ten that the labels leave out. */
  readonly power: number;
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them. */
export function ticks(low: number, high: number, count: number): Ticks {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) {
    return { places: [], labels: [], power: 0 };
  }
  const rough = span / Math.max(1, count);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5, 10].find(factor => factor * decade >= rough) ?? 10);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const exponent = Math.floor(Math.log10(largest));
  const power = exponent > 5 || exponent < -3 ? exponent : 0;
  const unit = 10 ** power;
  const digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(step / unit) + 1e-9)));
  const places: number[] = [];
  const first = Math.ceil(low / step - 1e-9);
  for (let i = 0; i <= 2 * count + 10; i++) {
    const place = (first + i) * step;
    if (place > high + 1e-9 * span) {
      break;
    }
    places.push(place);
  }
  const labels = places.map(place => (place / unit).toFixed(digits).replace(/^-(0(\.0*)?)$/, '$1').replace('-', '−'));
  return { places, labels, power };
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** A power of ten as text: ×10⁻¹⁷. */
export function powerText(power: number): string {
  if (power === 0) {
    return '';
  }
  const digits = String(Math.abs(power)).replace(/\d/g, digit => SUPERSCRIPT[Number(digit)]);
  return `×10${power < 0 ? '⁻' : ''}${digits}`;
}
