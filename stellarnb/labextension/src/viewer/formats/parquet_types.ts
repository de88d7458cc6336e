/** Columns and values of Parquet, in the words of numpy. */
import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import type { Cell, ColumnInfo } from '../model';
import { ecsvHeader } from './ecsv';
import { shortest } from './fits_columns';

export interface ParquetColumn extends ColumnInfo {
  /** Whether values are float32, to be shown with the digits that they have. */
  readonly single: boolean;
  readonly long: boolean;
}

interface Words {
  readonly unit: string;
  readonly description: string;
}

export function parquetColumns(tree: SchemaTree, metadata: FileMetaData): ParquetColumn[] {
  const known = wordsOf(metadata);
  return tree.children.map(child => {
    const leaf = leafOf(child);
    const base = child.children.length > 0 && !isList(child) ? 'struct' : typeName(leaf.element);
    const { unit = '', description = '' } = known.get(child.element.name) ?? {};
    return {
      name: child.element.name,
      unit,
      description,
      type: isList(child) ? `${base}[*]` : base,
      single: leaf.element.type === 'FLOAT',
      long: base === 'int64' || base === 'uint64'
    };
  });
}

function isList(node: SchemaTree): boolean {
  const { converted_type: old, logical_type: logical, repetition_type: repeated } = node.element;
  return old === 'LIST' || logical?.type === 'LIST' || repeated === 'REPEATED';
}

function leafOf(node: SchemaTree): SchemaTree {
  return node.children.length ? leafOf(node.children[0]) : node;
}

const PLAIN: Record<string, string> = {
  BOOLEAN: 'bool', INT32: 'int32', INT64: 'int64', INT96: 'timestamp', FLOAT: 'float32',
  DOUBLE: 'float64', BYTE_ARRAY: 'bytes', FIXED_LEN_BYTE_ARRAY: 'bytes'
};

function typeName(element: SchemaElement): string {
  const logical = element.logical_type;
  const integer = /^(U?INT)_(8|16|32|64)$/.exec(element.converted_type ?? '');
  if (logical?.type === 'INTEGER') {
    return `${logical.isSigned ? '' : 'u'}int${logical.bitWidth}`;
  }
  if (integer) {
    return `${integer[1].toLowerCase()}${integer[2]}`;
  }
  if (logical?.type === 'STRING' || element.converted_type === 'UTF8') {
    return 'string';
  }
  if (logical?.type === 'FLOAT16') {
    return 'float16';
  }
  return (logical?.type ?? element.converted_type)?.toLowerCase() ?? PLAIN[element.type ?? ''] ?? 'unknown';
}

/** Units and descriptions: stellarnb writes JSON, astropy the header of ECSV. */
function wordsOf(metadata: FileMetaData): Map<string, Words> {
  const found = new Map<string, Words>();
  for (const { key, value = '' } of metadata.key_value_metadata ?? []) {
    try {
      if (key === 'stellarnb') {
        const note = JSON.parse(value) as Record<string, Record<string, unknown> | undefined>;
        for (const name of new Set([...Object.keys(note.units ?? {}), ...Object.keys(note.descriptions ?? {})])) {
          found.set(name, {
            unit: String(note.units?.[name] ?? ''),
            description: String(note.descriptions?.[name] ?? '')
          });
        }
      } else if (key === 'table_meta_yaml') {
        for (const column of ecsvHeader(value).columns) {
          found.set(column.name, column);
        }
      }
    } catch {
      // The note of another program: the table is whole without it, and the header shows it.
    }
  }
  return found;
}

/** A value as hyparquet gives it; what has no form of its own becomes text. */
export function toCell(value: unknown, column: ParquetColumn): Cell {
  if (value === null || value === undefined) {
    return null;
  }
  if (typeof value === 'number') {
    return column.single ? shortest(value) : column.long ? BigInt(Math.trunc(value)) : value;
  }
  if (typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean') {
    return value;
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString().replace(/T00:00:00\.000Z$/, '');
  }
  if (value instanceof Uint8Array && column.type.startsWith('bytes')) {
    return Array.from(value.subarray(0, 64), byte => byte.toString(16).padStart(2, '0')).join('') +
      (value.length > 64 ? `… (${value.length} bytes)` : '');
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => toCell(item, column));
  }
  if (ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as ArrayLike<number | bigint>, item => toCell(item, column));
  }
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}
