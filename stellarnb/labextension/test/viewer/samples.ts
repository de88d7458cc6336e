import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFile } from '../../src/viewer/formats';
import type { Cell, Content, DataFile, Table } from '../../src/viewer/model';

const FOLDER = join(import.meta.dirname, 'files');
export const ID = 5937083312263887617n;
export const LIMIT = 50e6;

export function bytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

export async function sample(name: string): Promise<DataFile> {
  return readFile(bytes(name), name, LIMIT);
}

export async function tableOf(file: DataFile, part = file.parts.length - 1): Promise<Table> {
  const content: Content = await file.parts[part].open();
  if (!content.table) {
    throw new Error('no table');
  }
  return content.table;
}

export async function column(table: Table, name: string): Promise<Cell[]> {
  return table.column(table.columns.findIndex(one => one.name === name));
}

/** Open everything in a file and look at all of it. */
export async function exhaust(file: DataFile): Promise<void> {
  for (const part of file.parts) {
    const { table, image } = await part.open();
    if (table) {
      await table.page(0, Math.min(table.rows, 50));
    }
    for (let row = 0; image && row < Math.min(image.height, 20); row++) {
      await image.row(row);
    }
  }
}
