import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { expect, test, vi } from 'vitest';

import { KernelLink } from '../src/kernel/link';
import { answer } from './states';

type Expression = Record<string, unknown>;

/** A kernel that answers as it is told. */
class FakeKernel {
  status: Kernel.Status = 'idle';
  statusChanged = new Signal<this, Kernel.Status>(this);
  language = 'python';
  supportsSubshells = true;
  commsOverSubshells = 'perCommTarget';
  expression: Expression = { status: 'ok', data: { 'text/plain': '1' }, metadata: {} };
  data: unknown = { state: answer() };
  silent = false;
  subshellStarted = Promise.resolve();
  requestExecute = vi.fn((_content: Expression) => ({
    done: Promise.resolve({
      content: { status: 'ok', user_expressions: { stellarnb: this.expression } }
    })
  }));
  opened = vi.fn();

  get info(): Promise<unknown> {
    return Promise.resolve({ language_info: { name: this.language } });
  }

  createComm(target: string): unknown {
    const comm = {
      onClose: (_: unknown): void => undefined,
      subshellStarted: this.subshellStarted,
      open: () => {
        this.opened(target);
        if (!this.silent) {
          queueMicrotask(() => comm.onClose({ content: { data: this.data } }));
        }
      }
    };
    return comm;
  }

  become(status: Kernel.Status): void {
    this.status = status;
    this.statusChanged.emit(status);
  }
}

const link = (kernel: FakeKernel, patience = 5000): KernelLink =>
  new KernelLink(kernel as unknown as Kernel.IKernelConnection, patience);

test('it is made to listen once, silently, and then asked by comm, also while it is busy', async () => {
  const kernel = new FakeKernel();
  const asked = link(kernel);
  expect((await asked.ask()).state?.groups.spectra[0].name).toBe('spectra');
  expect(kernel.requestExecute.mock.calls[0][0]).toMatchObject({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false
  });
  kernel.become('busy');
  expect((await asked.ask()).state).not.toBeNull();
  expect(kernel.requestExecute).toHaveBeenCalledTimes(1);
  expect(kernel.opened).toHaveBeenCalledTimes(2);
});

test('nothing is executed in a busy kernel', async () => {
  const kernel = new FakeKernel();
  kernel.status = 'busy';
  const { words, later } = await link(kernel).ask();
  expect(words).toMatch(/busy/);
  expect(later).toBe(true);
  expect(kernel.requestExecute).not.toHaveBeenCalled();
});

test.each([{ supportsSubshells: false }, { commsOverSubshells: 'disabled' }])(
  'a busy kernel with %o is not asked, and said to be busy',
  async extra => {
    const kernel = Object.assign(new FakeKernel(), extra);
    const asked = link(kernel);
    await asked.ask();
    kernel.become('busy');
    expect(await asked.ask()).toMatchObject({ state: null, later: true });
    expect(kernel.opened).toHaveBeenCalledTimes(1);
  }
);

test('a restarted kernel is made to listen again', async () => {
  const kernel = new FakeKernel();
  const asked = link(kernel);
  await asked.ask();
  kernel.become('restarting');
  expect((await asked.ask()).words).toMatch(/starting/);
  kernel.become('idle');
  expect((await asked.ask()).state).not.toBeNull();
  expect(kernel.requestExecute).toHaveBeenCalledTimes(2);
});

test('one that was restarted elsewhere is asked anew', async () => {
  const kernel = new FakeKernel();
  const asked = link(kernel);
  await asked.ask();
  kernel.data = {};
  expect(await asked.ask()).toMatchObject({ state: null, later: true });
  kernel.data = { state: answer() };
  expect((await asked.ask()).state).not.toBeNull();
  expect(kernel.requestExecute).toHaveBeenCalledTimes(2);
});

const missing = (name: string): Expression => ({
  status: 'error',
  ename: 'ModuleNotFoundError',
  evalue: `No module named '${name}'`,
  traceback: []
});

test.each([
  ['no stellarnb', { expression: missing('stellarnb') }, /There is no stellarnb in this kernel/],
  ['an older one', { expression: missing('stellarnb.kernel_state') }, /another version/],
  [
    'a broken one',
    { expression: { status: 'error', ename: 'OSError', evalue: 'disk', traceback: [] } },
    /cannot be used in this kernel: OSError: disk/
  ],
  ['a newer one', { data: { state: { protocol: 2 } } }, /another version/],
  ['an error', { data: { error: 'OutputError: full' } }, /could not say.*OutputError: full/],
  ['another language', { language: 'R' }, /speaks R/],
  ['a dead kernel', { status: 'dead' }, /has died/]
])('%s is said in words', async (_, extra, said) => {
  const { state, words } = await link(Object.assign(new FakeKernel(), extra)).ask();
  expect(state).toBeNull();
  expect(words).toMatch(said);
});

test('a kernel that does not answer is said to be silent, and not asked twice', async () => {
  const kernel = Object.assign(new FakeKernel(), { silent: true });
  const asked = link(kernel, 20);
  expect((await asked.ask()).words).toMatch(/not answered/);
  expect((await asked.ask()).words).toMatch(/not answered/);
  expect(kernel.opened).toHaveBeenCalledTimes(1);
});
