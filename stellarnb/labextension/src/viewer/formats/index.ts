/** Opens a file by what it holds, not by its name. */
import type { DataFile, Format, Source, Table } from '../model';
import { FETCH_AGAIN, FileProblem, words } from '../model';
import { formatOf, gunzip, isGzip, megabytes, memorySource } from './bytes';

/** Bytes at the beginning of a large text file that are read of it. */
const BEGINNING = 4_000_000;

const ENDINGS: readonly [RegExp, Format][] = [
  [/\.(fits?|fts)(\.gz)?$/i, 'FITS'],
  [/\.ecsv(\.gz)?$/i, 'ECSV'],
  [/\.(vot|votable|votable\.xml)(\.gz)?$/i, 'VOTable'],
  [/\.parquet$/i, 'Parquet']
];

/** Read a file that is whole in memory. */
export async function readFile(data: Uint8Array, name: string, limit: number): Promise<DataFile> {
  let bytes = data;
  for (let layer = 0; isGzip(bytes) && layer < 2; layer++) {
    bytes = await gunzip(bytes, limit);
  }
  const format = formatOf(bytes.subarray(0, 8192));
  const file = await guarded(format, () => read(format, memorySource(bytes), bytes));
  return { ...file, notes: [...misnamed(format, name), ...file.notes] };
}

/** Read a file that stays on the server, page by page; of text the beginning. */
export async function readInPart(source: Source, name: string): Promise<DataFile> {
  const head = await source.slice(0, Math.min(8192, source.size));
  if (isGzip(head)) {
    throw new FileProblem('A packed file (gzip) can only be read whole.', 'Unpack it on disk first (gunzip).');
  }
  const format = formatOf(head);
  if (format === 'VOTable') {
    throw new FileProblem('A VOTable can only be read whole.', 'Read it in Python with the line above.');
  }
  const beginning = format === 'ECSV' ? await source.slice(0, Math.min(BEGINNING, source.size)) : undefined;
  const partial = beginning !== undefined && beginning.length < source.size;
  const file = await guarded(format, () => read(format, source, beginning, partial));
  const note = `The file has ${megabytes(source.size)} and stays on the server: each page of the table is fetched when it is shown.`;
  return { ...file, notes: [...misnamed(format, name), ...(beginning ? [] : [note]), ...file.notes] };
}

async function read(format: Format, source: Source, bytes?: Uint8Array, partial = false): Promise<DataFile> {
  switch (format) {
    case 'FITS':
      return (await import('./fits')).readFits(source);
    case 'ECSV':
      return (await import('./ecsv')).readEcsv(bytes ?? new Uint8Array(), partial);
    case 'VOTable':
      return (await import('./votable')).readVotable(bytes ?? new Uint8Array());
    case 'Parquet':
      return (await import('./parquet')).readParquet(source);
  }
}

/** Whatever damage makes of a reader is said as a problem of the file, in each step of reading it. */
async function guarded(format: Format, open: () => Promise<DataFile>): Promise<DataFile> {
  const safe = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof FileProblem ? error : new FileProblem(`It cannot be read as ${format}: ${words(error)}.`, FETCH_AGAIN);
    }
  };
  const file = await safe(open);
  const guardedTable = (table: Table): Table => ({
    ...table,
    page: (start, end) => safe(() => table.page(start, end)),
    column: index => safe(() => table.column(index))
  });
  return {
    ...file,
    parts: file.parts.map(part => ({
      ...part,
      open: () =>
        safe(async () => {
          const { table, image, notes } = await part.open();
          return {
            notes,
            table: table && guardedTable(table),
            image: image && { ...image, row: (index: number) => safe(() => image.row(index)) }
          };
        })
    }))
  };
}

function misnamed(format: Format, name: string): string[] {
  const said = ENDINGS.find(([pattern]) => pattern.test(name))?.[1];
  return said && said !== format ? [`Its name says ${said}, but it is ${format}, and is shown as such.`] : [];
}
