/** Bytes: from base64, unpacked, and what they are. */
import { FETCH_AGAIN, FileProblem, type Format, type Source } from '../model';

/** A file unpacks to so many times the limit at most; text and tables shrink to a tenth or so. */
const MOST_UNPACKED = 10;

export function memorySource(data: Uint8Array): Source {
  return {
    size: data.length,
    whole: true,
    slice: async (start, end) => data.subarray(start, end)
  };
}

/** Return the bytes of base64, with or without white space in it. */
export function fromBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text.replace(/\s+/g, ''));
  } catch {
    throw new FileProblem('Its base64 is damaged.', FETCH_AGAIN);
  }
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    out[i] = binary.charCodeAt(i);
  }
  return out;
}

export function isGzip(data: Uint8Array): boolean {
  return data[0] === 0x1f && data[1] === 0x8b;
}

/** Unpack gzip; more than ten times `limit` bytes are refused before they fill the memory. */
export async function gunzip(data: Uint8Array, limit: number): Promise<Uint8Array> {
  const most = MOST_UNPACKED * limit;
  const stream = new Blob([data as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    let next: ReadableStreamReadResult<Uint8Array>;
    try {
      next = await reader.read();
    } catch {
      throw new FileProblem('It cannot be unpacked: the gzip data are damaged or cut short.', FETCH_AGAIN);
    }
    if (next.done) {
      break;
    }
    total += next.value.length;
    if (total > most) {
      await reader.cancel();
      throw new FileProblem(
        `It unpacks to more than ${megabytes(most)}.`,
        'Unpack it on disk (gunzip), and read it in Python.'
      );
    }
    chunks.push(next.value);
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function latin1(data: Uint8Array): string {
  let out = '';
  for (let i = 0; i < data.length; i += 8192) {
    out += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return out;
}

/** Return which format the first bytes of a file show, whatever its name says. */
export function formatOf(head: Uint8Array): Format {
  if (head.length === 0) {
    throw new FileProblem('It is empty: the download broke off.', 'Fetch it again.');
  }
  const text = latin1(head.subarray(0, 8192));
  const lowered = text.toLowerCase();
  if (text.startsWith('SIMPLE  =')) {
    return 'FITS';
  }
  if (text.startsWith('PAR1')) {
    return 'Parquet';
  }
  if (/^(\u00ef\u00bb\u00bf)?\s*#\s*%ECSV\b/.test(text)) {
    return 'ECSV';
  }
  if (/<([a-z0-9_.-]+:)?votable\b/.test(lowered)) {
    return 'VOTable';
  }
  throw new FileProblem(...whatElse(text, lowered));
}

function whatElse(text: string, lowered: string): [string, string] {
  if (/<html|<!doctype html/.test(lowered)) {
    const title = /<title[^>]*>([^<]{0,200})/i.exec(text)?.[1].trim() ?? '';
    return [
      `It is a web page${title ? `, titled “${title}”` : ''}: the archive sent no data.`,
      'Ask the archive again; a login may have run out.'
    ];
  }
  if (text.startsWith('PK')) {
    return ['It is a zip archive.', 'Unpack it, and open the files in it.'];
  }
  if (text.startsWith('\u0089HDF')) {
    return ['It is an HDF5 file.', 'Read it in Python with h5py.'];
  }
  if (/^\s*</.test(text)) {
    return ['It is XML, but no VOTable.', 'Open it with the editor to see what was sent.'];
  }
  return [
    'It is none of FITS, ECSV, VOTable and Parquet, whatever its name says.',
    'Open it with the editor to see what it is, or fetch it again.'
  ];
}
