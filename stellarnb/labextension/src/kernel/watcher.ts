import type { ISessionContext } from '@jupyterlab/apputils';
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Signal, type ISignal } from '@lumino/signaling';

import { KernelLink, type IAnswer } from './link';
import type { IKernelState } from './state';

/** What the panel shows. */
export interface IView {
  /** The notebook's file name; empty without one. */
  notebook: string;
  busy: boolean;
  /** Words in place of a state, or why the state is an old one. */
  words: string;
  state: IKernelState | null;
  /** When the state was true. */
  at: Date | null;
}

const NOTHING: IView = {
  notebook: '',
  busy: false,
  words: 'No notebook is open. Open one to see what its kernel holds.',
  state: null,
  at: null
};

/** Several cells that end at once are one reason to look [ms]. */
const PAUSE = 150;

/** Follows the notebook in front and asks its kernel, as long as somebody looks. */
export class Watcher {
  constructor(
    private readonly _tracker: INotebookTracker,
    executed: ISignal<unknown, { notebook: unknown }>
  ) {
    _tracker.currentChanged.connect(this._onNotebook, this);
    executed.connect((_, { notebook }) => {
      if (this.afterCells && notebook === this._panel?.content) {
        this.lookSoon();
      }
    });
    this._onNotebook();
  }

  /** Whether to look after each cell that was run. */
  afterCells = true;

  /** Emitted when there is something new to show. */
  get changed(): ISignal<this, IView> {
    return this._changed;
  }

  get view(): IView {
    return this._view;
  }

  /** Whether somebody looks; nobody is asked while the panel is hidden. */
  set watched(watched: boolean) {
    this._watched = watched;
    if (watched) {
      this.lookSoon();
    }
  }

  /** Look in a moment. */
  lookSoon(): void {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => void this.look(), PAUSE);
  }

  /** Ask the kernel now. */
  async look(): Promise<void> {
    const panel = this._panel;
    if (!this._watched || !panel) {
      return;
    }
    const link = this._linkTo(panel.sessionContext);
    if (!link) {
      this._show({ ...this._blank(), words: kernelless(panel.sessionContext) });
      return;
    }
    const turn = ++this._turn;
    if (!this._view.state) {
      this._show({ ...this._blank(), words: 'Asking the kernel …' });
    }
    const answer = await link.ask().catch(
      (error: Error): IAnswer => ({ state: null, words: `${error.message}`, later: false })
    );
    // Another notebook or a later look may have come in between.
    if (turn === this._turn && link === this._link) {
      this._deferred = answer.later;
      this._take(answer);
    }
  }

  private _take(answer: IAnswer): void {
    if (answer.state) {
      this._show({ ...this._blank(), words: '', state: answer.state, at: new Date() });
    } else {
      // An old state is better than none while the kernel is merely busy.
      const { state, at } = answer.later ? this._view : NOTHING;
      this._show({ ...this._blank(), words: answer.words, state, at });
    }
  }

  private _blank(): IView {
    const panel = this._panel;
    if (!panel) {
      return NOTHING;
    }
    const notebook = panel.context.path.split('/').pop() ?? '';
    return { ...NOTHING, notebook, busy: isBusy(panel) };
  }

  private _linkTo(context: ISessionContext): KernelLink | null {
    const kernel = context.session?.kernel ?? null;
    if (this._link?.kernel !== kernel) {
      this._link?.dispose();
      this._link = kernel && new KernelLink(kernel);
      this._view = { ...this._view, state: null, at: null };
    }
    return this._link;
  }

  private _onNotebook(): void {
    const before = this._panel?.sessionContext;
    before?.kernelChanged.disconnect(this.lookSoon, this);
    before?.statusChanged.disconnect(this._onStatus, this);
    this._panel = this._tracker.currentWidget;
    this._view = NOTHING;
    this._turn++;
    const context = this._panel?.sessionContext;
    context?.kernelChanged.connect(this.lookSoon, this);
    context?.statusChanged.connect(this._onStatus, this);
    if (this._panel) {
      this.lookSoon();
    } else {
      this._show(NOTHING);
    }
  }

  private _onStatus(_: unknown, status: string): void {
    if (status === 'idle' && this._deferred) {
      this._deferred = false;
      this.lookSoon();
    } else if (status !== 'idle' && status !== 'busy') {
      this._view = { ...this._view, state: null, at: null };
      this._deferred = true;
      this.lookSoon();
    } else {
      this._show({ ...this._view, busy: this._panel !== null && isBusy(this._panel) });
    }
  }

  private _show(view: IView): void {
    this._view = view;
    this._changed.emit(view);
  }

  private _changed = new Signal<this, IView>(this);
  private _panel: NotebookPanel | null = null;
  private _link: KernelLink | null = null;
  private _view = NOTHING;
  private _watched = false;
  private _deferred = false;
  private _turn = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Whether the kernel works on something. Its status alone won't do: what a subshell has finished
 * makes it idle, though a cell runs.
 */
function isBusy(panel: NotebookPanel): boolean {
  const running = panel.content.widgets.some(
    cell => (cell.model as Partial<ICodeCellModel>).executionState === 'running'
  );
  return running || panel.sessionContext.session?.kernel?.status === 'busy';
}

function kernelless(context: ISessionContext): string {
  return context.isReady
    ? 'This notebook has no kernel. Choose one from the Kernel menu.'
    : 'The kernel is starting.';
}
