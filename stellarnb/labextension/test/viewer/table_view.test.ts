import { describe, expect, test } from 'vitest';
import type { Cell, Table } from '../../src/viewer/model';
import { TableView } from '../../src/viewer/views/table_view';
import { ListView } from '../../src/viewer/views/list_view';
import { tabs } from '../../src/viewer/views/tabs';
import { element } from '../../src/viewer/views/dom';

const MARKUP = '<img src=x onerror="boom()">';

function table(rows: number, columnar: boolean): Table {
  const cell = (row: number, column: number): Cell => (column === 0 ? (row * 7919) % rows : `${MARKUP}${row}`);
  return {
    columns: [
      { name: 'n', unit: 'K', description: MARKUP, type: 'int32' },
      { name: MARKUP, unit: '', description: '', type: 'string' }
    ],
    rows,
    columnar,
    page: async (start, end) => Array.from({ length: end - start }, (_, i) => [cell(start + i, 0), cell(start + i, 1)]),
    column: async index => Array.from({ length: rows }, (_, row) => cell(row, index))
  };
}

async function settled(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 20));
}

function press(node: HTMLElement, label: string): void {
  const found = Array.from(node.querySelectorAll('button')).find(one => one.textContent === label);
  found?.click();
}

describe('rows', () => {
  test.each([true, false])('sort up, down and back, page by page (columnar: %s)', async columnar => {
    const view = new TableView(table(250, columnar));
    await view.open();
    const first = (): string => view.node.querySelector('tbody td')?.textContent ?? '';
    expect(view.node.querySelectorAll('tbody tr').length).toBe(100);
    press(view.node, 'n');
    await settled();
    expect(first()).toBe('0');
    press(view.node, 'Last');
    await settled();
    expect(view.node.querySelector('tbody tr:last-child td')?.textContent).toBe('249');
    press(view.node, 'n');
    await settled();
    expect(first()).toBe('249');
    press(view.node, 'n');
    await settled();
    expect([first(), view.node.querySelector('tbody th')?.textContent]).toEqual(['0', '1']);
    expect(view.node.textContent).toContain('Rows 1 to 100 of 250');
  });

  test('names and values of files are text', async () => {
    const view = new TableView(table(3, false));
    await view.open();
    expect(view.node.querySelector('img')).toBeNull();
    expect(view.node.textContent).toContain(MARKUP);
  });

  test('an empty table, and one without columns, say so', async () => {
    const view = new TableView(table(0, false));
    await view.open();
    expect(view.node.textContent).toContain('The table is empty');
    const none = new TableView({ ...table(3, false), columns: [] });
    await none.open();
    expect(none.node.textContent).toContain('no columns');
  });

  test('a page that cannot be read says why', async () => {
    const view = new TableView({ ...table(3, false), page: () => Promise.reject(new Error('Cut short.')) });
    await view.open();
    expect(view.node.textContent).toContain('Cut short.');
  });
});

test('a list is searched by all words', () => {
  const view = new ListView('header', ['Keyword', 'Value'], [['CRVAL1', '1'], ['CRPIX1', '2'], ['OBJECT', MARKUP]]);
  const input = view.node.querySelector('input') as HTMLInputElement;
  input.value = 'cr 2';
  input.dispatchEvent(new Event('input'));
  expect(view.node.querySelectorAll('tbody tr').length).toBe(1);
  expect(view.node.textContent).toContain('1 of 3 lines');
});

test('tabs are moved by arrows, and one alone can be tabbed to', () => {
  const node = tabs([{ label: 'A', node: element('p') }, { label: 'B', node: element('p') }]);
  document.body.append(node);
  const [a, b] = Array.from(node.querySelectorAll<HTMLElement>('[role=tab]'));
  a.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
  expect([a.tabIndex, b.tabIndex, b.getAttribute('aria-selected')]).toEqual([-1, 0, 'true']);
  expect(node.querySelectorAll('[role=tabpanel]:not([hidden])').length).toBe(1);
});
