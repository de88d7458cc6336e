/** Cells as text, and how they sort. */
import type { Cell } from '../model';

/** Values of an array that are shown; the rest is counted. */
const SHOWN = 6;

export function cellText(cell: Cell): string {
  if (cell === null) {
    return '';
  }
  if (typeof cell === 'number') {
    return numberText(cell);
  }
  if (typeof cell !== 'object') {
    return String(cell);
  }
  const first = Array.from(cell as ArrayLike<Cell>).slice(0, SHOWN);
  const more = cell.length > SHOWN ? `, … (${cell.length} values)` : '';
  return `[${first.map(cellText).join(', ')}${more}]`;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

export function isNumeric(type: string): boolean {
  return /^(u?int|float)\d+$/.test(type);
}

/** Order of rows by one column; missing values and NaN stand last, whichever the direction. */
export function sortedRows(values: readonly Cell[], descending: boolean): Uint32Array {
  const order = new Uint32Array(values.length).map((_, i) => i);
  const sign = descending ? -1 : 1;
  return order.sort((a, b) => {
    const [x, y] = [values[a], values[b]];
    const [noX, noY] = [isNothing(x), isNothing(y)];
    if (noX || noY) {
      return Number(noX) - Number(noY) || a - b;
    }
    return sign * compare(x, y) || a - b;
  });
}

function isNothing(cell: Cell): boolean {
  return cell === null || (typeof cell === 'number' && Number.isNaN(cell));
}

function compare(a: Cell, b: Cell): number {
  if ((typeof a === 'number' || typeof a === 'bigint') && (typeof b === 'number' || typeof b === 'bigint')) {
    // Comparison of a bigint with a number is exact.
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') {
    return Number(a) - Number(b);
  }
  const [x, y] = [cellText(a), cellText(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
