/** Parquet through hyparquet; units and descriptions as stellarnb and astropy write them. */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema, type RowGroup } from 'hyparquet';
import type { Card, Cell, DataFile, Source, Table } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { checkWhole } from './fits_table';
import { checkFooter, checkPages, safeCompressors } from './parquet_checks';
import { type ParquetColumn, parquetColumns, toCell } from './parquet_types';

/** Most bytes of one row group that are fetched for a page of a file that is read in part. */
const MOST_FETCHED = 256e6;

export async function readParquet(source: Source): Promise<DataFile> {
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: async (start, end = source.size) => {
      const data = await source.slice(start, end);
      return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
    }
  };
  const metadata = await parquetMetadataAsync(file, { geoparquet: false });
  checkFooter(metadata, source.size);
  const columns = parquetColumns(parquetSchema(metadata), metadata);
  const rows = Number(metadata.num_rows);
  const table = parquetTable(source, file, metadata, columns, rows);
  return {
    format: 'Parquet',
    notes: [],
    parts: [
      {
        title: `table, ${rows.toLocaleString('en')} rows`,
        cards: cardsOf(metadata),
        keyword: key => metadata.key_value_metadata?.find(item => item.key === key)?.value,
        open: async () => ({ table, notes: [] })
      }
    ]
  };
}

function parquetTable(
  source: Source, file: AsyncBuffer, metadata: FileMetaData, columns: readonly ParquetColumn[], rows: number
): Table {
  const checked = new Set<number>();
  const groups = groupsOf(metadata);
  // A column of a row group at a time: of several that fail, hyparquet leaves rejections unheard.
  const readColumn = async (start: number, end: number, column: ParquetColumn): Promise<Cell[]> => {
    let out: unknown[][] = [];
    await parquetRead({
      file,
      metadata,
      columns: [column.name],
      rowStart: start,
      rowEnd: end,
      compressors: safeCompressors,
      geoparquet: false,
      useOffsetIndex: !source.whole,
      onComplete: values => {
        out = values as unknown[][];
      }
    });
    if (out.length !== end - start) {
      throw new FileProblem(`Of rows ${start + 1} to ${end} only ${out.length} are there.`, FETCH_AGAIN);
    }
    return out.map(row => toCell(row[0], column));
  };
  const read = async (first: number, last: number, wanted: readonly ParquetColumn[]): Promise<Cell[][]> => {
    const out: Cell[][] = Array.from({ length: Math.max(0, last - first) }, () => []);
    for (const [index, group] of groups.entries()) {
      const [start, end] = [Math.max(first, group.start), Math.min(last, group.end)];
      if (start >= end) {
        continue;
      }
      if (!checked.has(index)) {
        await checkGroup(source, metadata.row_groups[index]);
        checked.add(index);
      }
      for (const column of wanted) {
        (await readColumn(start, end, column)).forEach((cell, i) => out[start - first + i].push(cell));
      }
    }
    return out;
  };
  return {
    columns,
    rows,
    columnar: true,
    page: async (start, end) => read(Math.max(0, start), Math.min(rows, end), columns),
    column: async index => {
      checkWhole(source);
      const values = await read(0, rows, [columns[index]]);
      return values.map(row => row[0]);
    }
  };
}

function groupsOf(metadata: FileMetaData): { start: number; end: number }[] {
  let start = 0;
  return metadata.row_groups.map(group => {
    const first = start;
    start += Number(group.num_rows);
    return { start: first, end: start };
  });
}

/** Look at a row group before any of its pages is unpacked. */
async function checkGroup(source: Source, group: RowGroup): Promise<void> {
  if (source.whole) {
    return checkPages(source, group);
  }
  const size = group.columns.reduce((sum, c) => sum + Number(c.meta_data?.total_compressed_size ?? 0), 0);
  if (size > MOST_FETCHED) {
    throw new FileProblem(
      `Its rows are in groups of ${(size / 1e6).toFixed(0)} MB, too much for one page.`,
      'Read the columns that you need in Python: pyarrow.parquet.read_table(path, columns=[…]).'
    );
  }
}

function cardsOf(metadata: FileMetaData): Card[] {
  const own: [string, string][] = [
    ['rows', String(metadata.num_rows)],
    ['row groups', String(metadata.row_groups.length)],
    ['created by', metadata.created_by ?? ''],
    ['compression', [...new Set(metadata.row_groups.flatMap(g => g.columns.map(c => c.meta_data?.codec ?? '')))].join(', ')]
  ];
  const noted = (metadata.key_value_metadata ?? []).map((item): [string, string] => [item.key, item.value ?? '']);
  return [...own, ...noted]
    // The Arrow schema is base64 that nobody reads.
    .filter(([key]) => key !== 'ARROW:schema')
    .map(([key, value]) => ({ key, value, comment: '' }));
}
