/** What a Parquet file announces, checked before anything of that size is made. */
import type { ColumnMetaData, Compressors, FileMetaData, RowGroup } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import type { Source } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';

/** Most values, and most unpacked bytes, of one page; writers make pages of about 1 MB. */
const MOST_VALUES = 2 ** 25;
const MOST_UNPACKED = 2 ** 28;

function damaged(what: string): FileProblem {
  return new FileProblem(`${what}: it is damaged, or was cut short.`, FETCH_AGAIN);
}

/** hyparquet's decompressors, with a limit to what a page may unpack to. */
export const safeCompressors: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([name, unpack]) => [
    name,
    (input: Uint8Array, length: number): Uint8Array => {
      if (!(length >= 0 && length <= MOST_UNPACKED)) {
        throw damaged(`A page announces ${length} bytes`);
      }
      return unpack(input, length);
    }
  ])
);

export function checkFooter(metadata: FileMetaData, size: number): void {
  let rows = 0n;
  if (!Array.isArray(metadata.schema) || !Array.isArray(metadata.row_groups)) {
    throw damaged('It has no schema');
  }
  if (metadata.schema.some(element => typeof element.name !== 'string')) {
    throw damaged('A column of it has no name');
  }
  for (const group of metadata.row_groups) {
    if (!(group.num_rows >= 0n)) {
      throw damaged(`A group announces ${group.num_rows} rows`);
    }
    rows += BigInt(group.num_rows);
    for (const { meta_data: column } of group.columns) {
      if (!column) {
        throw damaged('A column has no description');
      }
      const [start, end] = extent(column);
      if (!(start >= 4 && start <= end && end <= size)) {
        throw damaged(`Column “${column.path_in_schema.join('.')}” lies at bytes ${start} to ${end} of ${size}`);
      }
    }
  }
  if (rows !== BigInt(metadata.num_rows) || rows < 0n || rows > 2n ** 40n) {
    throw damaged(`It announces ${metadata.num_rows} rows, and its groups ${rows}`);
  }
}

function extent(column: ColumnMetaData): [number, number] {
  const data = Number(column.data_page_offset);
  const dictionary = Number(column.dictionary_page_offset ?? 0);
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  return [start, start + Number(column.total_compressed_size)];
}

/** Step through the headers of the pages of a row group. */
export async function checkPages(source: Source, group: RowGroup): Promise<void> {
  for (const { meta_data: column } of group.columns) {
    if (!column) {
      continue;
    }
    const [start, end] = extent(column);
    const data = await source.slice(start, end);
    const reader = { view: new DataView(data.buffer, data.byteOffset, data.byteLength), offset: 0 };
    while (reader.offset < data.length - 1) {
      const header = deserializeTCompactProtocol(reader);
      const [unpacked, packed] = [Number(header.field_2), Number(header.field_3)];
      const body = header.field_5 ?? header.field_7 ?? header.field_8;
      const values = Number(body?.field_1 ?? 0);
      if (!(packed >= 0 && unpacked >= 0 && reader.offset + packed <= data.length)) {
        throw damaged(`A page of column “${column.path_in_schema.join('.')}” goes beyond its column`);
      }
      if (!(values >= 0 && values <= MOST_VALUES && unpacked <= MOST_UNPACKED)) {
        throw damaged(`A page of column “${column.path_in_schema.join('.')}” announces ${values} values`);
      }
      reader.offset += packed;
    }
  }
}
