import { beforeEach, expect, test, vi } from 'vitest';

import { readState } from '../src/kernel/state';
import type { IView } from '../src/kernel/watcher';
import { CODE_MIME } from '../src/panel/list';
import { StellarPanel } from '../src/panel/widget';
import { answer, EVIL } from './states';

const view = (extra: Partial<IView> = {}): IView => ({
  notebook: 'a.ipynb',
  busy: false,
  words: '',
  state: readState(answer()),
  at: new Date(2026, 0, 1, 21, 5, 9),
  ...extra
});

const actions = { insert: vi.fn((_: string) => 'Inserted.'), refresh: vi.fn(), watch: vi.fn() };
let panel: StellarPanel;
const all = (selector: string): HTMLElement[] => [...panel.node.querySelectorAll<HTMLElement>(selector)];
const option = (text: string): HTMLElement =>
  all('[role=option]').find(node => node.textContent!.includes(text))!;
const press = (node: HTMLElement, key: string): boolean =>
  node.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));

beforeEach(() => {
  vi.clearAllMocks();
  document.body.replaceChildren();
  panel = new StellarPanel(actions);
  document.body.append(panel.node);
  panel.display(view());
});

test('names and details from the kernel are text, never markup', () => {
  expect(option('Labels').querySelector('.jp-stellarnb-name')!.textContent).toBe(EVIL);
  expect(panel.node.querySelector('img')).toBeNull();
});

test('the groups, what is not there, and how many more there are', () => {
  expect(all('h3').map(node => node.textContent)).toEqual([
    'Spectra',
    'Labels and tables',
    'Maps and widgets',
    'Models',
    'Cache of archives',
    'Memory'
  ]);
  expect(panel.node.textContent).toContain('and 3 more');
  expect(panel.node.textContent).toContain('No maps or widgets yet.');
  expect(option('gaia-rvs').textContent).toContain('synthetic-trained');
  expect(option('xp-apogee').textContent).not.toContain('synthetic-trained');
});

test('double-click and Enter insert the code, and the panel says so', () => {
  const line = option('SpectrumSet');
  line.querySelector('span')!.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
  press(option('gaia-rvs'), 'Enter');
  expect(actions.insert.mock.calls).toEqual([['snb.SpectrumViewer(spectra)'], ['load']]);
  expect(all('[role=status]').map(node => node.textContent)).toContain('Inserted.');
});

test('code brings the import that is missing', () => {
  panel.display(view({ state: readState(answer({ prelude: 'import stellarnb as snb' })) }));
  press(option('SpectrumSet'), 'Enter');
  expect(actions.insert).toHaveBeenCalledWith(
    'import stellarnb as snb\n\nsnb.SpectrumViewer(spectra)'
  );
});

test('each list is one stop for Tab, and arrows move in it', () => {
  const [first, second] = [option('Labels'), option('Result')];
  const stops = (): number[] => [first, second].map(node => node.tabIndex);
  expect(stops()).toEqual([0, -1]);
  first.focus();
  press(first, 'ArrowDown');
  expect(document.activeElement).toBe(second);
  expect(stops()).toEqual([-1, 0]);
  press(second, 'ArrowDown');
  expect(document.activeElement).toBe(second);
  press(second, 'Home');
  expect(document.activeElement).toBe(first);
});

test('a new state leaves the focus on the line of the same name', () => {
  press(option('Labels'), 'End');
  option('Result').focus();
  const extra = { name: 'a', kind: 'Result', detail: '', rows: 1, bytes: 1, code: 'a' };
  const tables = [extra, ...(answer().tables as unknown[])];
  panel.display(view({ state: readState(answer({ tables })) }));
  const focused = document.activeElement!;
  expect(focused.querySelector('.jp-stellarnb-name')!.textContent).toBe('b');
  expect(focused.getAttribute('aria-selected')).toBe('true');
});

test('a dragged line carries its code as text', () => {
  const data = new Map<string, string>();
  const dataTransfer = { setData: (k: string, v: string) => data.set(k, v), effectAllowed: '' };
  const event = Object.assign(new Event('dragstart', { bubbles: true }), { dataTransfer });
  option('SpectrumSet').dispatchEvent(event);
  expect([...data.keys()]).toEqual(['text/plain', CODE_MIME]);
  expect(new Set(data.values())).toEqual(new Set(['snb.SpectrumViewer(spectra)']));
});

test.each([
  [{}, 'Kernel of a.ipynb: idle.'],
  [{ busy: true }, 'Kernel of a.ipynb: busy.'],
  [{ words: 'Sorry.', state: null, at: null }, 'Kernel of a.ipynb: Sorry.'],
  [{ words: 'It is busy.' }, 'Kernel of a.ipynb: It is busy. Shown as it was at 21:05:09.'],
  [{ notebook: '', words: 'No notebook.', state: null }, 'No notebook.']
])('what %o is called', (extra, said) => {
  panel.display(view(extra));
  expect(all('[role=status]')[0].textContent).toBe(said);
  expect(panel.node.querySelector<HTMLElement>('.jp-stellarnb-body')!.hidden).toBe(
    'state' in extra
  );
});
