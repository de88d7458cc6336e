/** Lines that can be searched: a header, or the columns of a table. */
import { element, uniqueId } from './dom';

/** Most lines that are shown at once; a search goes through all. */
const MOST = 3000;

export class ListView {
  readonly node = element('div', { class: 'jp-stellarnb-Viewer-list' });
  private readonly _body = element('tbody');
  private readonly _status = element('span', { role: 'status' });

  constructor(what: string, heads: readonly string[], private readonly _lines: readonly (readonly string[])[]) {
    const input = element('input', { type: 'search', id: uniqueId() });
    input.addEventListener('input', () => this._filter(input.value));
    const bar = element('div', { class: 'jp-stellarnb-Viewer-bar' },
      element('label', { for: input.id }, `Search the ${what}`), input, this._status);
    const row = element('tr', {}, ...heads.map(head => element('th', { scope: 'col' }, head)));
    const scroller = element('div', { class: 'jp-stellarnb-Viewer-scroll', tabindex: '0', role: 'region', 'aria-label': what });
    scroller.append(element('table', { class: 'jp-stellarnb-Viewer-grid jp-mod-list' }, element('thead', {}, row), this._body));
    this.node.append(bar, scroller);
    this._filter('');
  }

  private _filter(wanted: string): void {
    const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this._lines.filter(line => {
      const text = line.join(' ').toLowerCase();
      return parts.every(part => text.includes(part));
    });
    this._body.replaceChildren(
      ...found.slice(0, MOST).map(line => element('tr', {}, ...line.map(text => element('td', {}, text))))
    );
    const shown = found.length > MOST ? `, the first ${MOST} shown` : '';
    this._status.textContent = `${found.length} of ${this._lines.length} lines${shown}`;
  }
}
