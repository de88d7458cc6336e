import type { INotebookContent } from '@jupyterlab/nbformat';
import type { Contents, KernelSpec } from '@jupyterlab/services';

/** Names that may be taken while we look, before a notebook keeps the one it was made with. */
const TRIES = 20;

/** Return a notebook with one code cell. */
export function oneCell(source: string): INotebookContent {
  return {
    cells: [
      {
        cell_type: 'code',
        id: 'stellarnb-1',
        source,
        metadata: {},
        outputs: [],
        execution_count: null
      }
    ],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5
  };
}

/** Return the kernel to open a notebook with: the server's default, if that is Python. */
export function pythonKernel(specs: KernelSpec.ISpecModels | null): string | null {
  const known = Object.values(specs?.kernelspecs ?? {}).filter(
    spec => spec?.language.toLowerCase() === 'python'
  );
  const chosen = known.find(spec => spec?.name === specs?.default) ?? known[0];
  return chosen?.name ?? null;
}

/** The part of the contents manager that is needed here. */
export type Files = Pick<Contents.IManager, 'get' | 'newUntitled' | 'save' | 'rename'>;

/**
 * Make a notebook in a folder and return its path: stem.ipynb, or stem-1.ipynb where that exists.
 *
 * Nothing is ever written over: the server makes a file of its own choice, and refuses to rename
 * it to the name of another that has come in the meantime.
 */
export async function createNotebook(
  files: Files,
  folder: string,
  stem: string,
  content: INotebookContent
): Promise<string> {
  const listed = (await files.get(folder)).content as { name: string }[];
  const taken = new Set(listed.map(file => file.name));
  const made = await files.newUntitled({ path: folder, type: 'notebook' });
  await files.save(made.path, { type: 'notebook', format: 'json', content });
  const place = made.path.slice(0, made.path.length - made.name.length);
  for (let i = 0, tries = 0; tries < TRIES; i++) {
    const name = i === 0 ? `${stem}.ipynb` : `${stem}-${i}.ipynb`;
    if (taken.has(name)) {
      continue;
    }
    try {
      return (await files.rename(made.path, place + name)).path;
    } catch (error) {
      if ((error as { response?: Response }).response?.status !== 409) {
        break;
      }
    }
    tries++;
  }
  return made.path;
}
