/** BINARY and BINARY2 of VOTable 1.4, sections 5.3 and 5.4: rows of big-endian values. */
import type { Cell, ColumnInfo, Scalar } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { shortest } from './fits_columns';

export interface VoField extends ColumnInfo {
  readonly datatype: string;
  /** Values in a cell; null where it varies from row to row. */
  readonly length: number | null;
  /** Of a variable length: the values in one step of the last axis. */
  readonly array: boolean;
  readonly blank: string;
}

const SIZES: Record<string, number> = {
  boolean: 1, bit: 0, unsignedByte: 1, short: 2, int: 4, long: 8, char: 1, unicodeChar: 2,
  float: 4, double: 8, floatComplex: 8, doubleComplex: 16
};

export function isDatatype(name: string): boolean {
  return name in SIZES;
}

export interface VoRows {
  readonly starts: readonly number[];
  row(index: number): Cell[];
}

/** Find where each row begins; `cut` says that the last is not whole. */
export function voBinary(data: Uint8Array, fields: readonly VoField[], flags: boolean): VoRows & { cut: boolean } {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const header = flags ? Math.ceil(fields.length / 8) : 0;
  const starts: number[] = [];
  let at = 0;
  let cut = false;
  while (at < data.length) {
    let next = at + header;
    for (const field of fields) {
      const [count, from] = lengthOf(view, next, field);
      next = count < 0 ? Infinity : from + bytesOf(field, count);
      if (next > data.length) {
        break;
      }
    }
    if (next > data.length || next === at) {
      cut = true;
      break;
    }
    starts.push(at);
    at = next;
  }
  return { starts, cut, row: index => readRow(view, starts[index], fields, header) };
}

function bytesOf(field: VoField, count: number): number {
  return field.datatype === 'bit' ? Math.ceil(count / 8) : count * SIZES[field.datatype];
}

function lengthOf(view: DataView, at: number, field: VoField): [number, number] {
  if (field.length !== null) {
    return [field.length, at];
  }
  return at + 4 > view.byteLength ? [-1, at] : [view.getInt32(at), at + 4];
}

function readRow(view: DataView, start: number, fields: readonly VoField[], header: number): Cell[] {
  let at = start + header;
  return fields.map((field, i) => {
    const missing = header > 0 && (view.getUint8(start + (i >> 3)) >> (7 - (i & 7))) & 1;
    const [count, from] = lengthOf(view, at, field);
    at = from + bytesOf(field, count);
    if (at > view.byteLength) {
      throw new FileProblem('A row of it ends before its last column.', FETCH_AGAIN);
    }
    return missing ? null : readCell(view, from, field, count);
  });
}

function readCell(view: DataView, at: number, field: VoField, count: number): Cell {
  if (field.datatype === 'char') {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, count);
    return new TextDecoder().decode(bytes).split('\0', 1)[0];
  }
  if (field.datatype === 'unicodeChar') {
    let text = '';
    for (let i = 0; i < count; i++) {
      text += String.fromCharCode(view.getUint16(at + 2 * i));
    }
    return text.split('\0', 1)[0];
  }
  if (!field.array) {
    return readValue(view, at, 0, field);
  }
  return Array.from({ length: count }, (_, i) => readValue(view, at, i, field));
}

function readValue(view: DataView, start: number, i: number, field: VoField): Scalar {
  const at = start + i * SIZES[field.datatype];
  const blank = <T extends number | bigint>(value: T): T | null =>
    field.blank !== '' && String(value) === field.blank ? null : value;
  switch (field.datatype) {
    case 'boolean': {
      const letter = String.fromCharCode(view.getUint8(at));
      return 'Tt1'.includes(letter) ? true : 'Ff0'.includes(letter) ? false : null;
    }
    case 'bit':
      return (view.getUint8(start + (i >> 3)) >> (7 - (i & 7))) & 1;
    case 'unsignedByte':
      return blank(view.getUint8(at));
    case 'short':
      return blank(view.getInt16(at));
    case 'int':
      return blank(view.getInt32(at));
    case 'long':
      return blank(view.getBigInt64(at));
    case 'float':
      return shortest(view.getFloat32(at));
    case 'double':
      return view.getFloat64(at);
    case 'floatComplex':
      return complex(shortest(view.getFloat32(at)), shortest(view.getFloat32(at + 4)));
    default:
      return complex(view.getFloat64(at), view.getFloat64(at + 8));
  }
}

function complex(re: number, im: number): string {
  return `${re}${im < 0 ? '-' : '+'}${Math.abs(im)}j`;
}
