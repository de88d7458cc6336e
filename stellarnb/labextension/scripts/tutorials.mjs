// Makes two modules of the tutorials: their titles, which the launcher needs at once, and the
// notebooks without outputs, which are loaded when one is opened.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, '..', '..', '..', 'notebooks');
const target = join(here, '..', 'src', 'generated');

const text = source => (Array.isArray(source) ? source.join('') : source);

function tutorial(file) {
  const notebook = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  for (const cell of notebook.cells) {
    if (cell.cell_type === 'code') {
      cell.outputs = [];
      cell.execution_count = null;
    }
  }
  delete notebook.metadata.widgets;
  const heading = notebook.cells
    .filter(cell => cell.cell_type === 'markdown')
    .flatMap(cell => text(cell.source).split('\n'))
    .find(line => line.startsWith('# '));
  if (!heading) {
    throw new Error(`${file} has no heading: one of its lines must begin with '# '.`);
  }
  return { file, title: heading.slice(2).trim(), notebook };
}

// Only what has changed: the bundle is built again when a source is newer than it.
function write(name, content) {
  const path = join(target, name);
  const text = JSON.stringify(content);
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    writeFileSync(path, text);
  }
}

const files = readdirSync(folder).filter(name => /^\d\d_\w+\.ipynb$/.test(name));
if (files.length === 0) {
  throw new Error(`There are no tutorials in ${folder}.`);
}
const tutorials = files.sort().map(tutorial);
const titles = tutorials.map(({ file, title }) => ({ file, title }));
const notebooks = Object.fromEntries(tutorials.map(({ file, notebook }) => [file, notebook]));
mkdirSync(target, { recursive: true });
write('titles.json', titles);
write('notebooks.json', notebooks);
