/** Files of the server: whole through its contents API, or in part through its own /files. */
import { type Contents, ServerConnection } from '@jupyterlab/services';
import { fromBase64 } from './formats/bytes';
import { FileProblem, type Source } from './model';

export interface Server {
  readonly contents: Contents.IManager;
  readonly settings: ServerConnection.ISettings;
}

/** Bytes kept of what was last fetched, so that small steps ask the server once. */
const AHEAD = 64 * 1024;

/** Size of a file, or null where the contents API does not tell. */
export async function sizeOf(server: Server, path: string): Promise<number | null> {
  const model = await server.contents.get(path, { content: false });
  return model.size ?? null;
}

export async function loadWhole(server: Server, path: string): Promise<Uint8Array> {
  const model = await server.contents.get(path, { type: 'file', format: 'base64', content: true });
  return fromBase64(String(model.content ?? ''));
}

/** A file that stays on the server; the token goes with each request, as with any of JupyterLab's. */
export async function remoteSource(server: Server, path: string, size: number): Promise<Source> {
  const url = await server.contents.getDownloadUrl(path);
  let kept: { start: number; data: Uint8Array } = { start: 0, data: new Uint8Array() };
  const fetchRange = async (start: number, end: number): Promise<Uint8Array> => {
    const response = await ServerConnection.makeRequest(
      url, { headers: { Range: `bytes=${start}-${end - 1}` }, cache: 'no-store' }, server.settings
    );
    if (response.status !== 206) {
      void response.body?.cancel();
      throw new FileProblem(
        `The server does not send parts of files (it answered ${response.status}).`,
        'Read the file in Python.'
      );
    }
    const data = new Uint8Array(await response.arrayBuffer());
    if (data.length !== end - start) {
      throw new FileProblem('The file has changed on the server while it was read.', 'Press Reload.');
    }
    return data;
  };
  return {
    size,
    whole: false,
    slice: async (from, to) => {
      const start = Math.max(0, Math.min(from, size));
      const end = Math.max(start, Math.min(to, size));
      if (end === start) {
        return new Uint8Array();
      }
      if (start < kept.start || end > kept.start + kept.data.length) {
        const data = await fetchRange(start, Math.min(size, Math.max(end, start + AHEAD)));
        kept = { start, data };
      }
      return kept.data.subarray(start - kept.start, end - kept.start);
    }
  };
}

