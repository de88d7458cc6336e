/** ECSV (APE 6): a table in text, whose YAML header names types, units and descriptions. */
import { parseDocument } from 'yaml';
import type { Card, Cell, ColumnInfo, DataFile, Table } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { splitRows } from './delimited';
import { isLong, parseJson, parseText } from './values';

export interface EcsvHeader {
  readonly columns: readonly EcsvColumn[];
  readonly delimiter: string;
  readonly meta: readonly Card[];
}

interface EcsvColumn extends ColumnInfo {
  /** Type of the cells as they stand in the text. */
  readonly base: string;
  /** Whether each cell is JSON: an array or an object. */
  readonly json: boolean;
}

/** Read ECSV; `partial` where the text is the beginning of a longer file. */
export function readEcsv(data: Uint8Array, partial = false): DataFile {
  const text = new TextDecoder().decode(data);
  const [yaml, body] = splitHeader(text);
  const notes: string[] = [];
  const header = tolerantHeader(yaml, notes);
  const { rows: lines, unclosed } = splitRows(body, header.delimiter);
  if (partial) {
    // The last line may be half a line.
    lines.pop();
    notes.push('Only the beginning of the file is shown; rows after it were not read.');
  } else if (unclosed) {
    notes.push(`A quotation mark is never closed: the file was cut short. ${FETCH_AGAIN}`);
  }
  const names = lines.shift() ?? [];
  checkNames(names, header);
  const whole = lines.findIndex(line => line.length !== header.columns.length);
  if (whole >= 0) {
    notes.push(
      `Row ${whole + 1} has ${lines[whole].length} values for ${header.columns.length} columns; ` +
        'it and the rows after it are left out. Open the file with the editor to see them.'
    );
    lines.length = whole;
  }
  notes.push(...oddValues(lines, header.columns));
  const part = {
    title: `table, ${lines.length.toLocaleString('en')} rows`,
    cards: header.meta,
    keyword: (key: string) => header.meta.find(card => card.key.toLowerCase() === key.toLowerCase())?.value,
    open: async () => ({ table: ecsvTable(lines, header.columns), notes: [] })
  };
  return { format: 'ECSV', parts: [part], notes };
}

function ecsvTable(lines: readonly string[][], columns: readonly EcsvColumn[]): Table {
  const cell = (row: number, index: number): Cell => {
    const text = lines[row][index];
    return text === '' ? null : read(columns[index], text) ?? text;
  };
  return {
    columns,
    rows: lines.length,
    page: async (start, end) =>
      Array.from({ length: Math.min(end, lines.length) - start }, (_, i) =>
        columns.map((_column, index) => cell(start + i, index))
      ),
    column: async index => lines.map((_, row) => cell(row, index))
  };
}

function read(column: EcsvColumn, text: string): Cell | undefined {
  if (!column.json) {
    return parseText(text, column.base);
  }
  const value = parseJson(text);
  return Array.isArray(value) && isLong(column.type) ? exact(value) : value;
}

/** Small integers of a 64-bit array are bigint too, so that a column has one type. */
function exact(values: readonly Cell[]): Cell[] {
  return values.map(value =>
    Array.isArray(value) ? exact(value) : typeof value === 'number' ? BigInt(value) : value
  );
}

function splitHeader(text: string): [string, string] {
  const lines: string[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (text[at] === '#') {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    lines.push(text.slice(at + 1, stop).replace(/^ /, '').trimEnd());
    at = stop + 1;
  }
  return [lines.slice(1).join('\n'), text.slice(at)];
}

/** The Gaia archive writes queries into the notes of a header in a way that is no YAML. */
function tolerantHeader(yaml: string, notes: string[]): EcsvHeader {
  try {
    return ecsvHeader(yaml);
  } catch (error) {
    const at = yaml.search(/^meta:/m);
    if (at < 0) {
      throw error;
    }
    const end = yaml.slice(at + 5).search(/^[a-z]/m);
    const header = ecsvHeader(yaml.slice(0, at) + (end < 0 ? '' : yaml.slice(at + 5 + end)));
    notes.push('Metadata left out: the header (meta) has no valid YAML. The table is complete.');
    return header;
  }
}

/** Read the YAML of an ECSV header; Parquet files that astropy wrote have the same. */
export function ecsvHeader(yaml: string): EcsvHeader {
  const document = parseDocument(yaml, { intAsBigInt: true, logLevel: 'silent' });
  let root: unknown;
  try {
    root = document.errors.length ? undefined : document.toJS({ maxAliasCount: 100 });
  } catch {
    root = undefined;
  }
  const fields = isMap(root) ? root['datatype'] : undefined;
  if (!isMap(root) || !Array.isArray(fields)) {
    const reason = document.errors[0]?.message.split('\n')[0];
    throw new FileProblem(
      `Its header is no ECSV header${reason ? ` (${reason})` : ': it names no columns (datatype)'}.`,
      FETCH_AGAIN
    );
  }
  const delimiter = String(root['delimiter'] ?? ' ');
  if (delimiter !== ',' && delimiter !== ' ') {
    throw new FileProblem(
      `Its columns are separated by “${delimiter}”; ECSV knows blanks and commas.`,
      'Open it with the editor.'
    );
  }
  return { columns: fields.map(ecsvColumn), delimiter, meta: flatten(root['meta']) };
}

function ecsvColumn(field: unknown, index: number): EcsvColumn {
  const map = isMap(field) ? field : {};
  const text = (key: string): string => (map[key] === undefined || map[key] === null ? '' : String(map[key]));
  const base = text('datatype') || 'string';
  const subtype = text('subtype');
  return {
    name: text('name') || `column ${index + 1}`,
    unit: text('unit'),
    description: text('description'),
    type: subtype ? subtype.replace(/\[null/, '[*') : base,
    base,
    json: subtype !== ''
  };
}

function checkNames(names: readonly string[], header: EcsvHeader): void {
  const wanted = header.columns.map(column => column.name);
  if (names.length !== wanted.length || names.some((name, i) => name !== wanted[i])) {
    const first = names.findIndex((name, i) => name !== wanted[i]);
    const what = names.length === 0 ? 'There is no line of column names' :
      `Its line of column names has “${names[first] ?? ''}” where the header has “${wanted[first] ?? ''}”`;
    throw new FileProblem(`${what}: the file was cut short, or is damaged.`, FETCH_AGAIN);
  }
}

/** Say which columns hold text that is none of their type; it is shown as it stands. */
function oddValues(lines: readonly string[][], columns: readonly EcsvColumn[]): string[] {
  const notes: string[] = [];
  columns.forEach((column, index) => {
    if (column.json || column.base === 'string') {
      return;
    }
    const odd = lines.filter(line => line[index] !== '' && parseText(line[index], column.base) === undefined);
    if (odd.length) {
      const one = odd.length === 1 ? '1 value that is' : `${odd.length} values that are`;
      notes.push(
        `Column “${column.name}” has ${one} no ${column.base} (such as “${odd[0][index].slice(0, 40)}”); ` +
          'shown as it stands in the file.'
      );
    }
  });
  return notes;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The rest of the header, a line for each value. */
function flatten(value: unknown, path = '', depth = 0): Card[] {
  if (value === undefined || (value === null && !path)) {
    return [];
  }
  const inner: [string, unknown][] | null =
    depth > 8 ? null : isMap(value) ? Object.entries(value) : Array.isArray(value) && value.some(isMap)
      ? value.map((item, i): [string, unknown] => [String(i), item])
      : null;
  if (!inner) {
    return [{ key: path, value: plain(value), comment: '' }];
  }
  return inner.flatMap(([key, item]) => flatten(item, path ? `${path}.${key}` : key, depth + 1));
}

function plain(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
  }
  return String(value);
}
