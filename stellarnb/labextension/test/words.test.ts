import { expect, test } from 'vitest';

import { readState } from '../src/kernel/state';
import {
  cacheWords,
  complete,
  entryLine,
  megabytes,
  memoryWords,
  modelLine
} from '../src/panel/words';
import { answer } from './states';

test.each([
  [0, '0 MB'],
  [96, '< 0.01 MB'],
  [154_750, '0.15 MB'],
  [5_600_000, '5.6 MB'],
  [12_501_000, '13 MB'],
  [20e9, '20,000 MB']
])('%d bytes are %s', (bytes, said) => {
  expect(megabytes(bytes)).toBe(said);
});

test('lines say kind, rows, size and what else is known', () => {
  const state = readState(answer())!;
  expect(entryLine(state.groups.spectra[0]).detail).toBe(
    'SpectrumSet · 4,039 rows · 13 MB · Gaia XP, 343 pixels'
  );
  expect(entryLine(state.groups.tables[1]).detail).toBe('Result · 0 rows');
  expect(modelLine(state.models[0])).toMatchObject({
    mark: 'synthetic-trained',
    detail: 'in the package · loaded as m'
  });
  expect(modelLine(state.models[1]).mark).toBe('');
  expect(cacheWords(state.cache)).toBe('1 entry, < 0.01 MB of at most 20,000 MB, in /c');
});

test('memory tells of an accelerator and of a setting that is wrong', () => {
  const device = { name: 'cuda:0 (H100)', free: 60e9, total: 80e9, taken: 1e9 };
  const state = readState(answer({ memory: { taken: 1e6, free: null, device, error: 'no!' } }))!;
  expect(memoryWords(state.memory)).toEqual([
    'CPU: this kernel takes 1 MB.',
    'cuda:0 (H100): this kernel takes 1,000 MB; 60,000 MB of 80,000 MB are free.',
    'no!'
  ]);
});

test('code comes with the import that it needs', () => {
  expect(complete('', 'spectra')).toBe('spectra');
  expect(complete('import stellarnb as snb', 'x')).toBe('import stellarnb as snb\n\nx');
});

test('what is no answer is none, and fields of a wrong type are empty', () => {
  for (const bad of [null, 3, 'x', [], {}, { protocol: 99 }]) {
    expect(readState(bad)).toBeNull();
  }
  const odd = readState({ protocol: 1, spectra: [null, { name: 4, rows: 'many' }], models: 7 })!;
  expect(odd.groups.spectra[1]).toMatchObject({ name: '', rows: null, code: '' });
  expect(odd.models).toEqual([]);
});
