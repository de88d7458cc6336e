/** Rows of FITS binary tables, with what lies in their heap. */
import type { Cell, ColumnInfo, Source, Table } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { decode, type FitsColumn, fitsColumns, heapBytes, heapPlace } from './fits_columns';
import type { Header } from './fits_header';

export function binaryTable(
  source: Source, header: Header, start: number, size: number, notes: string[]
): Table {
  const columns = fitsColumns(header);
  const width = header.count('NAXIS1');
  const announced = header.count('NAXIS2');
  const rows = width > 0 ? Math.min(announced, Math.floor(size / width)) : 0;
  if (rows < announced) {
    notes.push(`Of its ${announced.toLocaleString('en')} rows ${rows.toLocaleString('en')} are whole.`);
  }
  const heap = { start: start + header.count('THEAP', width * announced), end: start + size };
  const read = async (first: number, last: number, wanted: readonly FitsColumn[]): Promise<Cell[][]> => {
    const data = await source.slice(start + first * width, start + last * width);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const out: Cell[][] = [];
    for (let row = 0; row < last - first; row++) {
      const cells: Cell[] = [];
      for (const column of wanted) {
        cells.push(
          column.heap
            ? await fromHeap(source, column, view, row * width, heap)
            : decode(column, view, row * width + column.offset, column.repeat)
        );
      }
      out.push(cells);
    }
    return out;
  };
  return rowTable(source, columns, rows, read);
}

/** A table whose rows lie one after the other. */
export function rowTable<C extends ColumnInfo>(
  source: Source, columns: readonly C[], rows: number,
  read: (first: number, last: number, wanted: readonly C[]) => Promise<Cell[][]>
): Table {
  return {
    columns,
    rows,
    page: (first, last) => read(Math.max(0, first), Math.min(rows, last), columns),
    column: async index => {
      checkWhole(source);
      return (await read(0, rows, [columns[index]])).map(row => row[0]);
    }
  };
}

export function checkWhole(source: Source): void {
  if (!source.whole) {
    throw new FileProblem(
      'The file is read in part, page by page.',
      'To sort or draw a whole column read it in Python, or raise the limit in the settings of stellarnb.'
    );
  }
}

async function fromHeap(
  source: Source, column: FitsColumn, view: DataView, row: number,
  heap: { start: number; end: number }
): Promise<Cell> {
  const { count, at } = heapPlace(view, row, column);
  if (count === 0) {
    return column.heap === 'A' ? '' : [];
  }
  const bytes = count > 0 ? heapBytes(column, count) : -1;
  const from = heap.start + at;
  if (bytes < 0 || at < 0 || from + bytes > heap.end) {
    throw new FileProblem(
      `Column “${column.name}” points at ${count} values outside the file: it is cut short or damaged.`,
      FETCH_AGAIN
    );
  }
  const data = await source.slice(from, from + bytes);
  return decode(column, new DataView(data.buffer, data.byteOffset, data.byteLength), 0, count);
}
