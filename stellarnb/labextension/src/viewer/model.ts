/** What a file holds, whatever its format: parts (HDUs, tables) with headers, tables and images. */

/** A value of a table; `null` is missing. 64-bit integers are `bigint`, never a double. */
export type Scalar = number | bigint | string | boolean | null;
export type Cell = Scalar | readonly Cell[] | NumberArray;
export type NumberArray = Float64Array | Float32Array | Int32Array | Int16Array | Uint8Array;

/** A line of a header: everything as text, as it stands in the file. */
export interface Card {
  readonly key: string;
  readonly value: string;
  readonly comment: string;
}

export interface ColumnInfo {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Type in the words of numpy, such as `int64` or `float32[343]`. */
  readonly type: string;
}

/** Rows of a file, read when they are asked for. */
export interface Table {
  readonly columns: readonly ColumnInfo[];
  readonly rows: number;
  /** Whether single rows cost as much as whole columns, as in Parquet. */
  readonly columnar?: boolean;
  /** Rows from `start` up to, but without, `end`. */
  page(start: number, end: number): Promise<Cell[][]>;
  /** All values of one column; rejects where the file is only read in part. */
  column(index: number): Promise<Cell[]>;
}

/** An image of one or two axes: rows of `width` pixels. */
export interface Image {
  readonly width: number;
  readonly height: number;
  row(index: number): Promise<Float64Array>;
}

/** What a part holds, once it was opened. */
export interface Content {
  readonly table?: Table;
  readonly image?: Image;
  /** What a reader must know, in sentences. */
  readonly notes: readonly string[];
}

export interface Part {
  readonly title: string;
  readonly cards: readonly Card[];
  /** Value of a keyword of the header. */
  keyword(key: string): string | number | bigint | boolean | undefined;
  open(): Promise<Content>;
}

export type Format = 'FITS' | 'ECSV' | 'VOTable' | 'Parquet';

export interface DataFile {
  readonly format: Format;
  readonly parts: readonly Part[];
  readonly notes: readonly string[];
}

/** Bytes of a file, in memory or on the server. */
export interface Source {
  readonly size: number;
  /** Whether all of it is in memory, so that reading a whole column costs little. */
  readonly whole: boolean;
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** A problem with a file: what happened, and what to do next. */
export class FileProblem extends Error {
  constructor(
    readonly happened: string,
    readonly advice: string
  ) {
    super(`${happened} ${advice}`);
    this.name = 'FileProblem';
  }
}

export const FETCH_AGAIN = 'Fetch the file again, and compare its size with that at its origin.';

/** Return the words of any error. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
