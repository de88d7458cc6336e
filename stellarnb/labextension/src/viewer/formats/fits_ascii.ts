/** FITS ASCII tables (Standard 4.0, section 7.2). */
import type { Cell, ColumnInfo, Source, Table } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { latin1 } from './bytes';
import type { Header } from './fits_header';
import { rowTable } from './fits_table';

interface AsciiColumn extends ColumnInfo {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly blank: string;
}

export function asciiTable(source: Source, header: Header, start: number, size: number): Table {
  const width = header.count('NAXIS1');
  const columns = asciiColumns(header, width);
  const rows = width > 0 ? Math.min(header.count('NAXIS2'), Math.floor(size / width)) : 0;
  const read = async (first: number, last: number, wanted: readonly AsciiColumn[]): Promise<Cell[][]> => {
    const text = latin1(await source.slice(start + first * width, start + last * width));
    return Array.from({ length: last - first }, (_, row) =>
      wanted.map(column => value(column, text.slice(row * width + column.from, row * width + column.to)))
    );
  };
  return rowTable(source, columns, rows, read);
}

function asciiColumns(header: Header, width: number): AsciiColumn[] {
  const count = header.count('TFIELDS');
  if (count < 0 || count > 999) {
    throw new FileProblem(`Its table announces ${count} columns; 999 is the most.`, FETCH_AGAIN);
  }
  return Array.from({ length: count }, (_, index) => {
    const i = index + 1;
    const form = /^([AIFED])(\d{1,5})/.exec(header.text(`TFORM${i}`));
    const from = header.count(`TBCOL${i}`) - 1;
    if (!form || from < 0 || from + Number(form[2]) > width) {
      throw new FileProblem(`Column ${i} of its table lies outside the rows: the header is damaged.`, FETCH_AGAIN);
    }
    return {
      name: header.text(`TTYPE${i}`) || `column ${i}`,
      unit: header.text(`TUNIT${i}`),
      description: header.text(`TCOMM${i}`),
      type: form[1] === 'A' ? 'string' : form[1] === 'I' ? 'int64' : 'float64',
      kind: form[1],
      from,
      to: from + Number(form[2]),
      blank: header.text(`TNULL${i}`)
    };
  });
}

/** A number where the text is one; else the text as it stands. */
function value(column: AsciiColumn, raw: string): Cell {
  const text = raw.trim();
  if (column.kind === 'A') {
    return raw.trimEnd();
  }
  if (text === '' || (column.blank && text === column.blank)) {
    return null;
  }
  if (column.kind === 'I') {
    return /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : text;
  }
  const number = Number(text.replace(/[Dd]/, 'E'));
  return Number.isNaN(number) && !/^nan$/i.test(text) ? text : number;
}
