/** Parquet through hyparquet; units and descriptions as stellarnb and astropy write them. */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import type { Card, Cell, DataFile, Source, Table } from '../model';
import { FETCH_AGAIN, FileProblem, words } from '../model';
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
  const [metadata, columns] = await guarded(async () => {
    const footer = await parquetMetadataAsync(file, { geoparquet: false });
    checkFooter(footer, source.size);
    return [footer, parquetColumns(parquetSchema(footer), footer)] as const;
  });
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
  const read = async (start: number, end: number, wanted: readonly ParquetColumn[]): Promise<Cell[][]> => {
    if (end <= start || wanted.length === 0) {
      return Array.from({ length: Math.max(0, end - start) }, () => []);
    }
    await checkGroups(source, metadata, [start, end], checked);
    let out: unknown[][] = [];
    await parquetRead({
      file,
      metadata,
      columns: wanted.map(column => column.name),
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
    return out.map(row => wanted.map((column, i) => toCell(row[i], column)));
  };
  return {
    columns,
    rows,
    page: async (start, end) => guarded(() => read(Math.max(0, start), Math.min(rows, end), columns)),
    column: async index => {
      checkWhole(source);
      const values = await guarded(() => read(0, rows, [columns[index]]));
      return values.map(row => row[0]);
    }
  };
}

/** Look at the row groups of a range of rows before any of their pages is unpacked. */
async function checkGroups(
  source: Source, metadata: FileMetaData, [start, end]: [number, number], checked: Set<number>
): Promise<void> {
  let first = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const last = first + Number(group.num_rows);
    if (first < end && last > start && !checked.has(index)) {
      if (source.whole) {
        await checkPages(source, group);
      } else {
        const size = group.columns.reduce((sum, c) => sum + Number(c.meta_data?.total_compressed_size ?? 0), 0);
        if (size > MOST_FETCHED) {
          throw new FileProblem(
            `Its rows are in groups of ${(size / 1e6).toFixed(0)} MB, too much for one page.`,
            'Read the columns that you need in Python: pyarrow.parquet.read_table(path, columns=[…]).'
          );
        }
      }
      checked.add(index);
    }
    first = last;
  }
}

/** Whatever hyparquet says of a damaged file, said as a problem of the file. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileProblem) {
      throw error;
    }
    throw new FileProblem(`It cannot be read as Parquet: ${words(error)}.`, FETCH_AGAIN);
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
