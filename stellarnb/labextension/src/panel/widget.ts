import { Widget } from '@lumino/widgets';
import type { Message } from '@lumino/messaging';

import type { IView } from '../kernel/watcher';
import { GROUPS, type Group, type IKernelState } from '../kernel/state';
import { List } from './list';
import { cacheWords, clock, complete, entryLine, memoryWords, modelLine, type ILine } from './words';

/** What the panel asks of the world around it. */
export interface IPanelActions {
  /** Insert code into the notebook in front; return a message about the result. */
  insert(code: string): string;
  refresh(): void;
  /** Told when somebody begins or ceases to look. */
  watch(watched: boolean): void;
}

const TITLES: Record<Group, [title: string, none: string]> = {
  spectra: ['Spectra', 'No SpectrumSet yet.'],
  tables: ['Labels and tables', 'No labels, results or tables yet.'],
  maps: ['Maps and widgets', 'No maps or widgets yet.']
};

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = ''
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** The left panel: what the kernel holds, as lists whose lines insert code. */
export class StellarPanel extends Widget {
  constructor(private readonly _actions: IPanelActions) {
    super();
    this.id = 'stellarnb-panel';
    this.addClass('jp-stellarnb-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Stellar');
    const head = element('div', 'jp-stellarnb-head');
    const refresh = element('button', 'jp-stellarnb-button', 'Refresh');
    refresh.type = 'button';
    refresh.title = 'Ask the kernel again';
    refresh.addEventListener('click', () => this._actions.refresh());
    head.append(element('h2', 'jp-stellarnb-title', 'Stellar'), refresh);
    const hint = element(
      'p',
      'jp-stellarnb-hint',
      'Double-click a line, press Enter on it, or drag it into a cell to insert its code.'
    );
    this._status.setAttribute('role', 'status');
    this._said.setAttribute('role', 'status');
    this._body.append(
      ...GROUPS.map(group => this._lists[group].node),
      this._models.node,
      this._section('Cache of archives', this._cache),
      this._section('Memory', this._memory),
      hint
    );
    this.node.append(head, this._status, this._said, this._body);
  }

  /** Show what the kernel holds. */
  display(view: IView): void {
    this._write(this._status, statusWords(view));
    this._body.hidden = view.state === null;
    if (view.state && view.state !== this._shown) {
      this._fill(view.state);
    }
    this._shown = view.state;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._actions.watch(true);
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._actions.watch(false);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._actions.watch(this.isVisible);
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector<HTMLElement>('button')?.focus();
  }

  private _fill(state: IKernelState): void {
    const insertable = (line: ILine): ILine => ({
      ...line,
      code: complete(state.prelude, line.code)
    });
    for (const group of GROUPS) {
      const lines = state.groups[group].map(entryLine).map(insertable);
      this._lists[group].fill(lines, state.more[group]);
    }
    this._models.fill(state.models.map(modelLine).map(insertable), 0);
    this._cache.replaceChildren(element('p', '', cacheWords(state.cache)));
    this._memory.replaceChildren(...memoryWords(state.memory).map(line => element('p', '', line)));
  }

  private _section(title: string, content: HTMLElement): HTMLElement {
    const section = element('section', 'jp-stellarnb-section');
    section.append(element('h3', '', title), content);
    return section;
  }

  private _insert = (code: string): void => {
    this._write(this._said, this._actions.insert(code));
  };

  /** Write words only where they are new, so that a screen reader does not repeat them. */
  private _write(node: HTMLElement, words: string): void {
    if (node.textContent !== words) {
      node.textContent = words;
    }
  }

  private readonly _status = element('p', 'jp-stellarnb-status');
  private readonly _said = element('p', 'jp-stellarnb-said');
  private readonly _body = element('div', 'jp-stellarnb-body');
  private readonly _cache = element('div', 'jp-stellarnb-words');
  private readonly _memory = element('div', 'jp-stellarnb-words');
  private readonly _lists = Object.fromEntries(
    GROUPS.map(group => [group, new List(...TITLES[group], code => this._insert(code))])
  ) as Record<Group, List>;
  private readonly _models = new List('Models', 'No models.', code => this._insert(code));
  private _shown: IKernelState | null = null;
}

/** Whose kernel it is, what it does, and how old the state is. */
export function statusWords(view: IView): string {
  if (!view.notebook) {
    return view.words;
  }
  const kernel = `Kernel of ${view.notebook}`;
  if (view.words) {
    const old = view.state && view.at ? ` Shown as it was at ${clock(view.at)}.` : '';
    return `${kernel}: ${view.words}${old}`;
  }
  return view.busy ? `${kernel}: busy.` : `${kernel}: idle.`;
}
