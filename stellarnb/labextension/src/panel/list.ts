import type { ILine } from './words';

/** What a dragged line carries besides plain text, by which we know our own. */
export const CODE_MIME = 'application/x-stellarnb-code';

let count = 0;

/** A list of lines with one stop for the Tab key; arrows move, Enter and double-click insert. */
export class List {
  constructor(
    title: string,
    private readonly _none: string,
    private readonly _insert: (code: string) => void
  ) {
    this.node.className = 'jp-stellarnb-section';
    const heading = document.createElement('h3');
    heading.id = `jp-stellarnb-heading-${count++}`;
    heading.textContent = title;
    this._list.className = 'jp-stellarnb-list';
    this._list.setAttribute('role', 'listbox');
    this._list.setAttribute('aria-labelledby', heading.id);
    this._words.className = 'jp-stellarnb-words';
    this.node.append(heading, this._list, this._words);
    this._list.addEventListener('keydown', event => this._onKey(event));
    this._list.addEventListener('dblclick', event => this._use(event.target));
    this._list.addEventListener('dragstart', event => this._onDrag(event));
    this._list.addEventListener('focusin', event => this._choose(this._indexOf(event.target)));
    this.fill([], 0);
  }

  readonly node = document.createElement('section');

  /** Show some lines, and say how many more there are; the line in use stays in use. */
  fill(lines: readonly ILine[], more: number): void {
    const focused = this._list.contains(document.activeElement);
    const name = this._lines[this._chosen]?.name;
    this._lines = lines;
    this._list.replaceChildren(...lines.map(option));
    this._list.hidden = lines.length === 0;
    this._words.textContent = lines.length === 0 ? this._none : more > 0 ? `and ${more} more` : '';
    this._words.hidden = this._words.textContent === '';
    this._choose(Math.max(0, lines.findIndex(line => line.name === name)));
    if (focused) {
      this._options[this._chosen]?.focus();
    }
  }

  private get _options(): HTMLElement[] {
    return [...this._list.children] as HTMLElement[];
  }

  private _indexOf(target: EventTarget | null): number {
    return this._options.findIndex(node => node.contains(target as Node));
  }

  private _choose(index: number): void {
    if (index < 0) {
      return;
    }
    this._chosen = index;
    this._options.forEach((node, i) => {
      node.tabIndex = i === index ? 0 : -1;
      node.setAttribute('aria-selected', String(i === index));
    });
  }

  private _use(target: EventTarget | null): void {
    const line = this._lines[this._indexOf(target)];
    if (line) {
      this._insert(line.code);
    }
  }

  private _onKey(event: KeyboardEvent): void {
    const last = this._lines.length - 1;
    const to: Record<string, number> = {
      ArrowDown: Math.min(last, this._chosen + 1),
      ArrowUp: Math.max(0, this._chosen - 1),
      Home: 0,
      End: last
    };
    if (event.key === 'Enter') {
      this._use(event.target);
    } else if (event.key in to) {
      this._options[to[event.key]]?.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private _onDrag(event: DragEvent): void {
    const line = this._lines[this._indexOf(event.target)];
    if (line && event.dataTransfer) {
      event.dataTransfer.setData('text/plain', line.code);
      event.dataTransfer.setData(CODE_MIME, line.code);
      event.dataTransfer.effectAllowed = 'copy';
    }
  }

  private readonly _list = document.createElement('ul');
  private readonly _words = document.createElement('p');
  private _lines: readonly ILine[] = [];
  private _chosen = 0;
}

function option(line: ILine): HTMLLIElement {
  const item = document.createElement('li');
  item.setAttribute('role', 'option');
  item.draggable = true;
  item.title = line.code;
  const parts: [className: string, text: string][] = [
    ['name', line.name],
    ['mark', line.mark],
    ['detail', line.detail]
  ];
  for (const [className, text] of parts) {
    if (text) {
      const part = document.createElement('span');
      part.className = `jp-stellarnb-${className}`;
      // Text from a kernel is text, whatever it looks like.
      part.textContent = text;
      item.append(part, ' ');
    }
  }
  return item;
}
