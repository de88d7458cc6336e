import type { Kernel, KernelMessage } from '@jupyterlab/services';

import { readState, type IKernelState } from './state';

/** What came of asking a kernel: its state, or words for the user; later: ask again when idle. */
export interface IAnswer {
  state: IKernelState | null;
  words: string;
  later: boolean;
}

/** The comm that `stellarnb.kernel_state` answers. */
const TARGET = 'stellarnb.kernel';
const LISTEN = "__import__('stellarnb.kernel_state', fromlist=['listen']).listen()";
/** A kernel that was never asked imports stellarnb first; nothing takes longer than this [ms]. */
const PATIENCE = 30_000;

const words = (said: string, later = false): IAnswer => ({ state: null, words: said, later });

const BUSY = words('The kernel is busy. It is asked as soon as it has nothing to do.', true);
const OLDER = words(
  'The stellarnb in this kernel is of another version than this panel. ' +
    'Install the same version for both, restart the kernel and reload the page.'
);

/** Words for a kernel that cannot be asked now, by its status; null if it can. */
function silence(status: Kernel.Status): IAnswer | null {
  switch (status) {
    case 'dead':
      return words('The kernel has died. Restart it from the Kernel menu.');
    case 'terminating':
      return words('The kernel is shutting down.');
    case 'starting':
    case 'restarting':
    case 'autorestarting':
    case 'unknown':
      return words('The kernel is starting.', true);
    default:
      return null;
  }
}

/** Words for what went wrong when the kernel was first asked. */
function refusal(error: KernelMessage.IReplyErrorContent): IAnswer {
  if (error.ename === 'ModuleNotFoundError' && error.evalue.includes("'stellarnb'")) {
    return words(
      'There is no stellarnb in this kernel. Install it there with: %pip install stellarnb'
    );
  }
  if (error.ename === 'ModuleNotFoundError' && error.evalue.includes('stellarnb.kernel_state')) {
    return OLDER;
  }
  return words(`stellarnb cannot be used in this kernel: ${error.ename}: ${error.evalue}`);
}

/**
 * Asks one kernel what it holds.
 *
 * The first time is a silent execution, sent only while the kernel has nothing to do. After that
 * it is a comm, in a subshell where the kernel has such: a busy kernel answers, and the running
 * cell's figures and its `input` are left alone, which an execution in a subshell would not do.
 */
export class KernelLink {
  constructor(
    readonly kernel: Kernel.IKernelConnection,
    private readonly _patience = PATIENCE
  ) {
    kernel.statusChanged.connect(this._onStatus, this);
  }

  dispose(): void {
    this.kernel.statusChanged.disconnect(this._onStatus, this);
  }

  /** Ask; while one answer is on its way, all who ask get that one. */
  ask(): Promise<IAnswer> {
    this._asking ??= this._ask().finally(() => {
      this._asking = null;
    });
    return Promise.race([this._asking, this._impatience()]);
  }

  private async _ask(): Promise<IAnswer> {
    const silent = silence(this.kernel.status);
    if (silent) {
      return silent;
    }
    const info = await this.kernel.info;
    const language = info.language_info.name;
    if (language !== 'python') {
      return words(`This kernel speaks ${language}; stellarnb needs a Python kernel.`);
    }
    if (!this._listening) {
      if (this.kernel.status === 'busy') {
        return BUSY;
      }
      const refused = await this._listen();
      if (refused) {
        return refused;
      }
    }
    if (this.kernel.status === 'busy' && !this._inSubshell) {
      return BUSY;
    }
    const data = (await this._openComm()) as { state?: unknown; error?: unknown } | undefined;
    if (typeof data?.error === 'string') {
      return words(`The kernel could not say what it holds: ${data.error}`);
    }
    if (data?.state === undefined) {
      // It was restarted behind our back, and knows nothing of the comm.
      this._listening = false;
      return words('The kernel was restarted.', true);
    }
    const state = readState(data.state);
    return state ? { state, words: '', later: false } : OLDER;
  }

  /** Make the kernel listen; return words if it cannot. */
  private async _listen(): Promise<IAnswer | null> {
    const future = this.kernel.requestExecute({
      code: '',
      silent: true,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false,
      user_expressions: { stellarnb: LISTEN }
    });
    const content = (await future.done).content;
    if (content.status !== 'ok') {
      return words('The kernel was interrupted while it was asked. Press Refresh.');
    }
    const reply = content.user_expressions?.stellarnb as
      | ({ status: 'ok' } | KernelMessage.IReplyErrorContent)
      | undefined;
    if (reply?.status === 'ok') {
      this._listening = true;
      return null;
    }
    return reply?.status === 'error' ? refusal(reply) : OLDER;
  }

  /** Open a comm; the kernel closes it with its answer. */
  private async _openComm(): Promise<unknown> {
    const comm = this.kernel.createComm(TARGET);
    const answer = new Promise<unknown>(resolve => {
      comm.onClose = message => resolve(message.content.data);
    });
    if (this._inSubshell) {
      await (comm as { subshellStarted?: Promise<void> }).subshellStarted;
    }
    comm.open({});
    return answer;
  }

  /** Whether comms are answered while a cell runs: the kernel can, and the settings let it. */
  private get _inSubshell(): boolean {
    return this.kernel.supportsSubshells && this.kernel.commsOverSubshells !== 'disabled';
  }

  private async _impatience(): Promise<IAnswer> {
    await new Promise(resolve => setTimeout(resolve, this._patience));
    return words('The kernel has not answered. Press Refresh to ask again.', true);
  }

  private _onStatus(_: unknown, status: Kernel.Status): void {
    if (silence(status)) {
      this._listening = false;
      // What was asked of the old kernel is never answered.
      this._asking = null;
    }
  }

  private _asking: Promise<IAnswer> | null = null;
  private _listening = false;
}
