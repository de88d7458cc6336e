import type { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { IAnswer } from '../src/kernel/link';
import { readState } from '../src/kernel/state';
import { Watcher } from '../src/kernel/watcher';
import { answer } from './states';

const ask = vi.fn<() => Promise<IAnswer>>();
vi.mock('../src/kernel/link', () => ({
  KernelLink: class {
    constructor(readonly kernel: unknown) {}
    ask = ask;
    dispose = vi.fn();
  }
}));

const good = (): IAnswer => ({ state: readState(answer()), words: '', later: false });
const later: IAnswer = { state: null, words: 'It is busy.', later: true };

/** A notebook with a kernel, and the signals that the watcher hears. */
function notebook(name = 'a.ipynb') {
  const session = { kernel: { status: 'idle' } as { status: string } | null };
  const sessionContext = {
    isReady: true,
    session,
    kernelChanged: new Signal<object, unknown>({}),
    statusChanged: new Signal<object, string>({})
  };
  return { context: { path: `x/${name}` }, content: { name, widgets: [] as unknown[] }, sessionContext };
}

let tracker: { currentWidget: unknown; currentChanged: Signal<object, unknown> };
let executed: Signal<object, { notebook: unknown }>;
let watcher: Watcher;
let one: ReturnType<typeof notebook>;

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1000);

beforeEach(async () => {
  vi.useFakeTimers();
  ask.mockReset().mockImplementation(() => Promise.resolve(good()));
  one = notebook();
  tracker = { currentWidget: one, currentChanged: new Signal({}) };
  executed = new Signal({});
  watcher = new Watcher(tracker as unknown as INotebookTracker, executed);
  watcher.watched = true;
  await settle();
});
afterEach(() => void vi.useRealTimers());

test('it looks when it is watched, and after a cell of the notebook in front', async () => {
  expect(ask).toHaveBeenCalledTimes(1);
  expect(watcher.view).toMatchObject({ notebook: 'a.ipynb', words: '' });
  executed.emit({ notebook: one.content });
  executed.emit({ notebook: one.content });
  executed.emit({ notebook: { name: 'another' } });
  await settle();
  expect(ask).toHaveBeenCalledTimes(2);
});

test('a hidden panel asks nobody, nor does one that is told not to after cells', async () => {
  watcher.watched = false;
  executed.emit({ notebook: one.content });
  await settle();
  watcher.watched = true;
  watcher.afterCells = false;
  await settle();
  executed.emit({ notebook: one.content });
  await settle();
  expect(ask).toHaveBeenCalledTimes(2);
});

test('while a kernel is merely busy the old state stays, and it is asked when idle', async () => {
  const { state } = watcher.view;
  ask.mockResolvedValueOnce(later);
  executed.emit({ notebook: one.content });
  await settle();
  expect(watcher.view).toMatchObject({ words: 'It is busy.', state });
  one.sessionContext.statusChanged.emit('idle');
  await settle();
  expect(ask).toHaveBeenCalledTimes(3);
  expect(watcher.view.words).toBe('');
  one.sessionContext.statusChanged.emit('idle');
  await settle();
  expect(ask).toHaveBeenCalledTimes(3);
});

test('a kernel whose status is idle is busy as long as a cell runs', async () => {
  one.content.widgets = [{ model: {} }, { model: { executionState: 'running' } }];
  await watcher.look();
  expect(watcher.view.busy).toBe(true);
  one.content.widgets = [{ model: { executionState: 'idle' } }];
  one.sessionContext.statusChanged.emit('idle');
  expect(watcher.view.busy).toBe(false);
});

test('what a kernel held is gone with it', async () => {
  one.sessionContext.session.kernel = null;
  one.sessionContext.kernelChanged.emit(null);
  await settle();
  expect(watcher.view.state).toBeNull();
  expect(watcher.view.words).toMatch(/has no kernel/);
  one.sessionContext.session.kernel = { status: 'idle' };
  one.sessionContext.kernelChanged.emit(null);
  await settle();
  expect(watcher.view.state).not.toBeNull();
  ask.mockResolvedValueOnce({ state: null, words: 'The kernel has died.', later: false });
  one.sessionContext.statusChanged.emit('dead');
  await settle();
  expect(watcher.view).toMatchObject({ state: null, words: 'The kernel has died.' });
});

test('an answer that comes after its notebook has left the front is not shown', async () => {
  let reply: (answer: IAnswer) => void = () => undefined;
  ask.mockImplementationOnce(() => new Promise(resolve => (reply = resolve)));
  executed.emit({ notebook: one.content });
  await settle();
  const other = notebook('b.ipynb');
  tracker.currentWidget = other;
  tracker.currentChanged.emit(other);
  reply({ state: null, words: 'of a', later: false });
  await settle();
  expect(watcher.view).toMatchObject({ notebook: 'b.ipynb', words: '' });
  executed.emit({ notebook: one.content });
  await settle();
  expect(ask).toHaveBeenCalledTimes(3);
});

test('without a notebook it says so, and an error is said in place', async () => {
  ask.mockRejectedValueOnce(new Error('Canceled future'));
  await watcher.look();
  expect(watcher.view).toMatchObject({ state: null, words: 'Canceled future' });
  tracker.currentWidget = null;
  tracker.currentChanged.emit(null);
  expect(watcher.view.words).toMatch(/No notebook is open/);
});
