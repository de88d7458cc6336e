/** Rows of a table, a page at a time, with names, units and descriptions; sorted by a column. */
import type { Cell, Table } from '../model';
import { FileProblem, words } from '../model';
import { cellText, isNumeric, sortedRows } from './cells';
import { button, element, uniqueId } from './dom';

const ROWS = 100;
/** Most cells of a table by columns that are kept to show its rows in another order. */
const MOST_KEPT = 2e7;

export class TableView {
  readonly node = element('div', { class: 'jp-stellarnb-Viewer-table' });
  private _start = 0;
  private _order: Uint32Array | null = null;
  private _kept: Cell[][] | null = null;
  private _sorted: { column: number; descending: boolean } | null = null;
  private _asked = 0;
  private readonly _status = element('span', { role: 'status' });
  private readonly _goto = element('input', { type: 'number', min: '1', id: uniqueId() });
  private readonly _scroller = element('div', { class: 'jp-stellarnb-Viewer-scroll', tabindex: '0', role: 'region', 'aria-label': 'Rows' });
  private readonly _body = element('tbody');
  private readonly _heads: HTMLTableCellElement[] = [];
  private readonly _buttons: HTMLButtonElement[];

  constructor(private readonly _table: Table) {
    if (!_table.columns.length) {
      this.node.append(element('p', {}, 'The table has no columns.'));
      this._buttons = [];
      return;
    }
    this._buttons = [
      button('First', () => this._show(0)),
      button('Previous', () => this._show(this._start - ROWS)),
      button('Next', () => this._show(this._start + ROWS)),
      button('Last', () => this._show(Math.floor((_table.rows - 1) / ROWS) * ROWS))
    ];
    this._goto.max = String(_table.rows);
    this._goto.addEventListener('change', () => {
      const row = Number(this._goto.value);
      if (Number.isFinite(row) && row >= 1) {
        void this._show(Math.floor((row - 1) / ROWS) * ROWS, Math.floor(row) - 1);
      }
    });
    const bar = element('div', { class: 'jp-stellarnb-Viewer-bar' }, ...this._buttons,
      element('label', { for: this._goto.id }, 'Go to row'), this._goto, this._status);
    const table = element('table', { class: 'jp-stellarnb-Viewer-grid' }, this._head(), this._body);
    this._scroller.append(table);
    this.node.append(bar, this._scroller);
  }

  /** Show the first page. */
  async open(): Promise<void> {
    if (this._table.columns.length) {
      await this._show(0);
    }
  }

  private _head(): HTMLTableSectionElement {
    const row = element('tr', {}, element('th', { scope: 'col' }, 'Row'));
    this._table.columns.forEach((column, index) => {
      const sort = button(column.name, () => void this._sort(index), column.description || 'Sort by this column');
      const unit = element('span', { class: 'jp-stellarnb-Viewer-unit' }, column.unit);
      const head = element('th', { scope: 'col', 'aria-sort': 'none' }, sort, unit);
      this._heads.push(head);
      row.append(head);
    });
    return element('thead', {}, row);
  }

  private async _sort(column: number): Promise<void> {
    const same = this._sorted?.column === column;
    // Ascending, then descending, then as in the file.
    const next = !same ? { column, descending: false } : this._sorted?.descending ? null : { column, descending: true };
    this._status.textContent = 'Sorting…';
    try {
      if (next && this._table.columnar && !this._kept) {
        this._kept = await this._allColumns();
      }
      this._order = next && sortedRows(await this._table.column(column), next.descending);
    } catch (error) {
      this._status.textContent = words(error);
      return;
    }
    this._sorted = next;
    this._heads.forEach((head, index) => {
      const on = next?.column === index;
      head.setAttribute('aria-sort', on ? (next.descending ? 'descending' : 'ascending') : 'none');
    });
    await this._show(0);
  }

  private async _show(start: number, focus = -1): Promise<void> {
    const rows = this._table.rows;
    this._start = Math.max(0, Math.min(start, Math.floor(Math.max(0, rows - 1) / ROWS) * ROWS));
    const end = Math.min(rows, this._start + ROWS);
    const asked = ++this._asked;
    let cells: [number, Cell[]][];
    try {
      cells = await this._rows(this._start, end);
    } catch (error) {
      this._status.textContent = words(error);
      return;
    }
    if (asked !== this._asked) {
      return;
    }
    this._body.replaceChildren(...cells.map(([number, row]) => this._row(number, row, number === focus)));
    this._scroller.scrollTop = 0;
    this._body.querySelector('.jp-mod-found')?.scrollIntoView({ block: 'center' });
    const [first, previous, next, last] = this._buttons;
    first.disabled = previous.disabled = this._start === 0;
    next.disabled = last.disabled = end >= rows;
    this._status.textContent = rows
      ? `Rows ${(this._start + 1).toLocaleString('en')} to ${end.toLocaleString('en')} of ${rows.toLocaleString('en')}, ${this._table.columns.length} columns`
      : 'The table is empty: it has columns, and no row.';
  }

  private async _rows(start: number, end: number): Promise<[number, Cell[]][]> {
    if (!this._order) {
      return (await this._table.page(start, end)).map((row, i) => [start + i, row]);
    }
    const out: [number, Cell[]][] = [];
    const kept = this._kept;
    if (kept) {
      return Array.from(this._order.subarray(start, end), index => [index, kept.map(column => column[index])]);
    }
    for (const index of this._order.subarray(start, end)) {
      out.push([index, (await this._table.page(index, index + 1))[0] ?? []]);
    }
    return out;
  }

  private async _allColumns(): Promise<Cell[][]> {
    const { rows, columns } = this._table;
    if (rows * columns.length > MOST_KEPT) {
      throw new FileProblem(
        `The table has ${(rows * columns.length).toLocaleString('en')} cells, too many to sort in the browser.`,
        'Sort it in Python.'
      );
    }
    const out: Cell[][] = [];
    for (let index = 0; index < columns.length; index++) {
      out.push(await this._table.column(index));
    }
    return out;
  }

  private _row(number: number, cells: readonly Cell[], found: boolean): HTMLTableRowElement {
    const row = element('tr', found ? { class: 'jp-mod-found' } : {}, element('th', { scope: 'row' }, String(number + 1)));
    cells.forEach((cell, i) => {
      const text = cellText(cell);
      const attributes: Record<string, string> = {};
      if (cell === null) {
        attributes.class = 'jp-mod-missing';
      } else if (isNumeric(this._table.columns[i].type)) {
        attributes.class = 'jp-mod-number';
      }
      row.append(element('td', attributes, cell === null ? '–' : text.slice(0, 200)));
    });
    return row;
  }
}
