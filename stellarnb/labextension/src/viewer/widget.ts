/** The viewer of one file: which part, its spectrum, rows, columns and header. */
import { Clipboard } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { Widget } from '@lumino/widgets';
import { megabytes } from './formats/bytes';
import { readFile, readInPart } from './formats';
import { loadWhole, remoteSource, type Server, sizeOf } from './load';
import { type Content, type DataFile, FileProblem, words } from './model';
import { pythonFor, pythonUnopened } from './python';
import { spectraOf } from './find_spectra';
import type { Spectra } from './spectrum';
import { button, element, uniqueId } from './views/dom';
import { ListView } from './views/list_view';
import { SpectrumView } from './views/spectrum_view';
import { TableView } from './views/table_view';
import { type Tab, tabs } from './views/tabs';

/** What can be read page by page while the file stays on the server. */
const IN_PARTS = /\.(fits?|fts|ecsv|parquet)$/i;

export class FileViewer extends Widget {
  private _file: DataFile | null = null;
  private _spectrum: SpectrumView | null = null;
  private _asked = 0;
  private _python = '';
  private readonly _main = element('div', { class: 'jp-stellarnb-Viewer-main' });

  constructor(
    private readonly _context: DocumentRegistry.Context,
    private readonly _server: Server,
    /** Largest file that is opened whole [bytes]. */
    private readonly _limit: () => number
  ) {
    super();
    this.addClass('jp-stellarnb-Viewer');
    this.node.append(this._main);
    this._say('Reading…');
    void _context.ready.then(() => this.load());
    _context.fileChanged.connect(this._reload, this);
  }

  override dispose(): void {
    this._spectrum?.dispose();
    this._context.fileChanged.disconnect(this._reload, this);
    super.dispose();
  }

  /** Read the file anew; `inPart` where it is larger than what is opened whole. */
  async load(inPart = false): Promise<void> {
    const asked = ++this._asked;
    const path = this._context.path;
    const name = path.slice(path.lastIndexOf('/') + 1);
    this._say('Reading…');
    try {
      const size = await sizeOf(this._server, path);
      const limit = this._limit();
      let file: DataFile;
      if (inPart && size !== null) {
        file = await readInPart(await remoteSource(this._server, path, size), name);
      } else if (size !== null && size > limit) {
        this._refuse(size, limit);
        return;
      } else {
        file = await readFile(await loadWhole(this._server, path), name, limit);
      }
      if (asked === this._asked && !this.isDisposed) {
        this._file = file;
        await this._build(file);
      }
    } catch (error) {
      if (asked === this._asked && !this.isDisposed) {
        this._fail(error);
      }
    }
  }

  private _reload(): void {
    if (this._file) {
      void this.load();
    }
  }

  private _clear(...children: Node[]): void {
    this._spectrum?.dispose();
    this._spectrum = null;
    this._main.replaceChildren(...children);
  }

  private _say(text: string): void {
    this._clear(element('p', { role: 'status', class: 'jp-stellarnb-Viewer-message' }, text));
  }

  private _refuse(size: number, limit: number): void {
    const box = this._message(
      `This file has ${megabytes(size)}. Files of more than ${megabytes(limit)} are not loaded into the browser.`,
      'Read it in Python with the line below, or raise the limit in the settings (Stellar).'
    );
    const path = this._context.path;
    box.append(this._code(pythonUnopened(this._local())));
    if (IN_PARTS.test(path)) {
      box.append(button('Read in part', () => void this.load(true),
        'Header and rows are fetched page by page; the file stays on the server'));
    }
    this._clear(box);
  }

  private _fail(error: unknown): void {
    const problem = error instanceof FileProblem ? error : new FileProblem(`${words(error)}.`.replace(/\.\.$/, '.'), 'Press Reload to try again.');
    const name = this._context.path.split('/').pop() ?? '';
    const box = this._message(`${name} cannot be shown. ${problem.happened}`, problem.advice);
    box.append(button('Reload', () => void this.load()));
    this._clear(box);
  }

  private _message(happened: string, advice: string): HTMLElement {
    return element('div', { role: 'alert', class: 'jp-stellarnb-Viewer-message' },
      element('p', {}, element('strong', {}, happened)), element('p', {}, advice));
  }

  private _code(python: string): HTMLElement {
    const said = element('span', { role: 'status' });
    const copy = button('Copy as Python', () => {
      Clipboard.copyToSystem(python);
      said.textContent = 'Copied.';
    });
    return element('div', { class: 'jp-stellarnb-Viewer-code' }, element('code', {}, python), copy, said);
  }

  /** The path as the server's files see it, without the name of a drive. */
  private _local(): string {
    return this._server.contents.localPath(this._context.path);
  }

  private async _build(file: DataFile): Promise<void> {
    const select = element('select', { id: uniqueId() });
    file.parts.forEach((part, index) => select.append(new Option(part.title, String(index))));
    const views = element('div', { class: 'jp-stellarnb-Viewer-part' });
    const said = element('span', { role: 'status' });
    select.addEventListener('change', () => void this._show(Number(select.value), views));
    const bar = element('div', { class: 'jp-stellarnb-Viewer-bar' },
      element('span', { class: 'jp-stellarnb-Viewer-format' }, file.format),
      element('label', { for: select.id }, file.format === 'FITS' ? 'HDU' : 'Table'), select,
      button('Copy as Python', () => {
        Clipboard.copyToSystem(this._python);
        said.textContent = `Copied: ${this._python.split('\n').pop() ?? ''}`;
      }, 'Copy the Python that reads this'),
      button('Reload', () => void this.load()), said);
    this._clear(bar, ...notes(file.notes), views);
    const first = await firstToShow(file);
    select.value = String(first);
    await this._show(first, views);
  }

  private async _show(index: number, views: HTMLElement): Promise<void> {
    const file = this._file;
    const part = file?.parts[index];
    if (!file || !part) {
      return;
    }
    const asked = ++this._asked;
    const problems: string[] = [];
    let content: Content = { notes: [] };
    let spectra: Spectra | null = null;
    try {
      content = await part.open();
      spectra = await spectraOf(file, part, content);
    } catch (error) {
      problems.push(words(error));
    }
    if (asked !== this._asked || this.isDisposed) {
      return;
    }
    this._spectrum?.dispose();
    this._spectrum = spectra?.count ? new SpectrumView(spectra) : null;
    this._python = pythonFor(this._local(), {
      spectrum: this._spectrum !== null, table: content.table !== undefined, part: index, format: file.format
    });
    const table = content.table ? new TableView(content.table) : null;
    const all: Tab[] = [];
    if (this._spectrum) {
      all.push({ label: 'Spectrum', node: this._spectrum.node });
    }
    if (content.table && table) {
      all.push({ label: 'Table', node: table.node }, { label: 'Columns', node: columnList(content) });
    }
    all.push({ label: 'Header', node: new ListView('header', ['Keyword', 'Value', 'Comment'],
      part.cards.map(card => [card.key, card.value, card.comment])).node });
    const said = notes([...problems, ...content.notes, ...(spectra?.notes ?? [])]);
    views.replaceChildren(...said, tabs(all));
    await Promise.all([table?.open(), this._spectrum?.open()]);
  }
}

function notes(texts: readonly string[]): HTMLElement[] {
  return texts.length
    ? [element('ul', { role: 'list', class: 'jp-stellarnb-Viewer-notes' }, ...texts.map(text => element('li', {}, text)))]
    : [];
}

function columnList(content: Content): HTMLElement {
  const columns = content.table?.columns ?? [];
  return new ListView('columns', ['Column', 'Unit', 'Type', 'Description'],
    columns.map(column => [column.name, column.unit, column.type, column.description])).node;
}

/** The first part with a spectrum; else the first with a table, or with anything. */
async function firstToShow(file: DataFile): Promise<number> {
  let table = -1;
  for (const [index, part] of file.parts.entries()) {
    try {
      const content = await part.open();
      if ((await spectraOf(file, part, content))?.count) {
        return index;
      }
      table = table < 0 && content.table ? index : table;
    } catch {
      // What is wrong with a part is said when it is shown.
    }
  }
  return Math.max(0, table);
}
