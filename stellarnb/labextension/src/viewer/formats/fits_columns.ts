/** Columns of FITS binary tables: how the bytes of a row become values (Standard 4.0, section 7.3). */
import type { Cell, ColumnInfo, Scalar } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { latin1 } from './bytes';
import type { Header } from './fits_header';

const SIZES: Record<string, number> = {
  L: 1, X: 1, B: 1, A: 1, I: 2, J: 4, K: 8, E: 4, D: 8, C: 8, M: 16, P: 8, Q: 16
};
const NUMPY: Record<string, string> = {
  L: 'bool', X: 'bit', B: 'uint8', A: 'string', I: 'int16', J: 'int32', K: 'int64',
  E: 'float32', D: 'float64', C: 'complex64', M: 'complex128'
};
const UNSIGNED: Record<string, [bigint, string]> = {
  B: [-128n, 'int8'], I: [32768n, 'uint16'], J: [2147483648n, 'uint32'],
  K: [9223372036854775808n, 'uint64']
};

export interface FitsColumn extends ColumnInfo {
  readonly code: string;
  /** Values in a cell, of `code`; of variable length arrays: 1. */
  readonly repeat: number;
  /** Code of what lies in the heap, or an empty string. */
  readonly heap: string;
  readonly offset: number;
  readonly width: number;
  readonly scale: number;
  readonly zero: number;
  /** Zero point of integers, exactly, where nothing else scales them. */
  readonly shift: bigint;
  readonly blank: bigint | null;
  /** Length of each of several strings in a cell (TDIM), or 0. */
  readonly piece: number;
}

/** Read what the header says of the columns; their width must be that of a row. */
export function fitsColumns(header: Header): FitsColumn[] {
  const count = header.count('TFIELDS');
  if (count < 0 || count > 999) {
    throw new FileProblem(`Its table announces ${count} columns; 999 is the most.`, FETCH_AGAIN);
  }
  const out: FitsColumn[] = [];
  let offset = 0;
  for (let i = 1; i <= count; i++) {
    const column = oneColumn(header, i, offset);
    offset += column.width;
    out.push(column);
  }
  if (offset > header.count('NAXIS1')) {
    throw new FileProblem(
      `Its columns are ${offset} bytes wide and its rows ${header.count('NAXIS1')}: the header is damaged.`,
      FETCH_AGAIN
    );
  }
  return out;
}

function oneColumn(header: Header, i: number, offset: number): FitsColumn {
  const form = header.text(`TFORM${i}`);
  const match = /^(\d{0,15})([LXBAIJKEDCMPQ])([LXBAIJKEDCM]?)/.exec(form);
  if (!match) {
    throw new FileProblem(`Column ${i} has the format “${form}”, which FITS does not know.`, FETCH_AGAIN);
  }
  const code = match[2];
  const heap = code === 'P' || code === 'Q' ? match[3] || 'B' : '';
  const repeat = match[1] === '' ? 1 : Number(match[1]);
  const scale = header.number(`TSCAL${i}`) ?? 1;
  const zero = header.number(`TZERO${i}`) ?? 0;
  const shift = exactShift(heap || code, scale, header.get(`TZERO${i}`));
  const blank = header.get(`TNULL${i}`);
  const whole = typeof blank === 'bigint' || Number.isSafeInteger(blank);
  const dim = /^\((\d{1,9}),/.exec(header.text(`TDIM${i}`));
  const name = header.text(`TTYPE${i}`);
  return {
    name: name || `column ${i}`,
    unit: header.text(`TUNIT${i}`),
    description: header.text(`TCOMM${i}`) || header.text(`TDESC${i}`),
    type: typeName(code, heap, repeat, scale, zero, shift),
    code,
    repeat,
    heap,
    offset,
    width: code === 'X' ? Math.ceil(repeat / 8) : (heap ? Math.min(repeat, 1) : repeat) * SIZES[code],
    scale,
    zero,
    shift,
    blank: whole ? BigInt(blank as bigint | number) : null,
    piece: code === 'A' && dim ? Number(dim[1]) : 0
  };
}

function exactShift(code: string, scale: number, zero: unknown): bigint {
  if (scale !== 1 || !'BIJK'.includes(code)) {
    return 0n;
  }
  if (typeof zero === 'bigint') {
    return zero;
  }
  return typeof zero === 'number' && Number.isInteger(zero) ? BigInt(zero) : 0n;
}

function typeName(
  code: string, heap: string, repeat: number, scale: number, zero: number, shift: bigint
): string {
  const base = heap || code;
  let name = NUMPY[base];
  const unsigned = UNSIGNED[base];
  if (unsigned && unsigned[0] === shift && shift !== 0n) {
    name = unsigned[1];
  } else if ('BIJK'.includes(base) && (scale !== 1 || !Number.isInteger(zero))) {
    name = 'float64';
  }
  if (heap) {
    return `${name}[*]`;
  }
  return repeat === 1 || code === 'A' ? name : `${name}[${repeat}]`;
}

/** A place in the heap: where, and how many values. */
export interface HeapPlace {
  readonly count: number;
  readonly at: number;
}

export function heapPlace(view: DataView, row: number, column: FitsColumn): HeapPlace {
  if (column.repeat === 0) {
    return { count: 0, at: 0 };
  }
  const at = row + column.offset;
  return column.code === 'P'
    ? { count: view.getInt32(at), at: view.getInt32(at + 4) }
    : { count: Number(view.getBigInt64(at)), at: Number(view.getBigInt64(at + 8)) };
}

export function heapBytes(column: FitsColumn, count: number): number {
  return column.heap === 'X' ? Math.ceil(count / 8) : count * SIZES[column.heap];
}

/** Decode a cell; `at` is where its first byte is in the view. */
export function decode(column: FitsColumn, view: DataView, at: number, count: number): Cell {
  const code = column.heap || column.code;
  if (code === 'A') {
    return strings(column, view, at, count);
  }
  if (code === 'X') {
    return Array.from({ length: count }, (_, i) => ((view.getUint8(at + (i >> 3)) >> (7 - (i & 7))) & 1));
  }
  if (!column.heap && count === 1) {
    return scalar(column, code, view, at);
  }
  const size = SIZES[code];
  if ((code === 'E' || code === 'D') && column.scale === 1 && column.zero === 0) {
    const out = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      out[i] = code === 'E' ? view.getFloat32(at + 4 * i) : view.getFloat64(at + 8 * i);
    }
    return code === 'E' ? Float32Array.from(out) : out;
  }
  return Array.from({ length: count }, (_, i) => scalar(column, code, view, at + i * size));
}

function scalar(column: FitsColumn, code: string, view: DataView, at: number): Cell {
  switch (code) {
    case 'L': {
      const letter = view.getUint8(at);
      return letter === 0x54 ? true : letter === 0x46 ? false : null;
    }
    case 'B':
      return integer(column, BigInt(view.getUint8(at)));
    case 'I':
      return integer(column, BigInt(view.getInt16(at)));
    case 'J':
      return integer(column, BigInt(view.getInt32(at)));
    case 'K':
      return integer(column, view.getBigInt64(at), true);
    case 'E':
      return float(column, view.getFloat32(at), true);
    case 'D':
      return float(column, view.getFloat64(at), false);
    case 'C':
      return complex(view.getFloat32(at), view.getFloat32(at + 4), true);
    default:
      return complex(view.getFloat64(at), view.getFloat64(at + 8), false);
  }
}

function integer(column: FitsColumn, raw: bigint, long = false): Scalar {
  if (raw === column.blank) {
    return null;
  }
  if (column.scale !== 1 || (column.zero !== 0 && column.shift === 0n)) {
    return Number(raw) * column.scale + column.zero;
  }
  const value = raw + column.shift;
  return long ? value : Number(value);
}

function float(column: FitsColumn, raw: number, single: boolean): number {
  const value = raw * column.scale + column.zero;
  return single && column.scale === 1 && column.zero === 0 ? shortest(raw) : value;
}

/** A float32 with the fewest digits that tell it, as numpy writes it: 0.1, not 0.10000000149. */
export function shortest(value: number): number {
  if (!Number.isFinite(value)) {
    return value;
  }
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) {
      return short;
    }
  }
  return value;
}

function complex(re: number, im: number, single: boolean): string {
  const [a, b] = single ? [shortest(re), shortest(im)] : [re, im];
  return `${a}${b < 0 || Object.is(b, -0) ? '-' : '+'}${Math.abs(b)}j`;
}

function strings(column: FitsColumn, view: DataView, at: number, count: number): Cell {
  const text = latin1(new Uint8Array(view.buffer, view.byteOffset + at, count));
  const one = (part: string): string => part.split('\0', 1)[0].trimEnd();
  if (column.heap || !column.piece || column.piece >= count) {
    return one(text);
  }
  const out: string[] = [];
  for (let i = 0; i + column.piece <= count; i += column.piece) {
    out.push(one(text.slice(i, i + column.piece)));
  }
  return out;
}
