import { expect, test, vi } from 'vitest';

import notebooks from '../src/generated/notebooks.json';
import titles from '../src/generated/titles.json';
import { createNotebook, oneCell, pythonKernel, type Files } from '../src/notebooks/create';

const refused = (status: number): Error =>
  Object.assign(new Error('no'), { response: { status } as Response });

/** A server's folder with some files, a few of them not listed, which writes over none. */
function folder(names: string[], status = 409, unlisted: string[] = []): Files & { saved: string[] } {
  const saved: string[] = [];
  return {
    saved,
    get: vi.fn((path: string) =>
      Promise.resolve({
        content: names.filter(n => !unlisted.includes(n)).map(n => ({ name: n.slice(path ? path.length + 1 : 0) }))
      })
    ),
    newUntitled: vi.fn(({ path }) =>
      Promise.resolve({ name: 'Untitled.ipynb', path: path ? `${path}/Untitled.ipynb` : 'Untitled.ipynb' })
    ),
    save: vi.fn(path => Promise.resolve(saved.push(path))),
    rename: vi.fn((_, path: string) =>
      names.includes(path) ? Promise.reject(refused(status)) : Promise.resolve({ path })
    )
  } as unknown as Files & { saved: string[] };
}

const content = oneCell('1');

test('a notebook is named as wanted, or by the next free number', async () => {
  expect(await createNotebook(folder([]), '', 'A', content)).toBe('A.ipynb');
  expect(await createNotebook(folder([]), 'x/y', 'A', content)).toBe('x/y/A.ipynb');
  const taken = folder(['x/A.ipynb', 'x/A-1.ipynb']);
  expect(await createNotebook(taken, 'x', 'A', content)).toBe('x/A-2.ipynb');
  expect(taken.saved).toEqual(['x/Untitled.ipynb']);
  expect(taken.rename).toHaveBeenCalledTimes(1);
  const raced = folder(['A.ipynb', 'A-1.ipynb'], 409, ['A-1.ipynb']);
  expect(await createNotebook(raced, '', 'A', content)).toBe('A-2.ipynb');
  expect(raced.rename).toHaveBeenCalledTimes(2);
});

test('where it cannot be renamed it keeps the name it has', async () => {
  expect(await createNotebook(folder(['A.ipynb'], 500, ['A.ipynb']), '', 'A', content)).toBe('Untitled.ipynb');
});

test('a Python kernel is chosen, the default first', () => {
  const spec = (name: string, language: string): unknown => ({ name, language });
  const specs = (all: unknown[], preferred: string): never =>
    ({
      default: preferred,
      kernelspecs: Object.fromEntries(all.map(one => [(one as { name: string }).name, one]))
    }) as never;
  const [r, a, b] = [spec('ir', 'R'), spec('a', 'python'), spec('b', 'Python')];
  expect(pythonKernel(specs([r, a, b], 'b'))).toBe('b');
  expect(pythonKernel(specs([r, a, b], 'ir'))).toBe('a');
  expect(pythonKernel(specs([r], 'ir'))).toBeNull();
  expect(pythonKernel(null)).toBeNull();
});

test('the tutorials are in the bundle, with titles and without outputs', () => {
  expect(titles.length).toBeGreaterThan(0);
  for (const { file, title } of titles) {
    expect(title).not.toBe('');
    const { cells } = (notebooks as unknown as Record<string, { cells: Cell[] }>)[file];
    expect(cells.length).toBeGreaterThan(0);
    for (const cell of cells.filter(one => one.cell_type === 'code')) {
      expect(cell).toMatchObject({ outputs: [], execution_count: null });
    }
  }
});

interface Cell {
  cell_type: string;
}
