import { describe, expect, test } from 'vitest';
import { readFile } from '../../src/viewer/formats';
import type { Cell, Content, DataFile, Part, Table } from '../../src/viewer/model';
import { pythonFor, pythonUnopened } from '../../src/viewer/python';
import { spectraOf } from '../../src/viewer/find_spectra';
import type { Spectra } from '../../src/viewer/spectrum';
import { cellText, sortedRows } from '../../src/viewer/views/cells';
import { fluxRange, lowerBound } from '../../src/viewer/views/plot_scene';
import { powerText, ticks } from '../../src/viewer/views/ticks';
import { ID, LIMIT, sample } from './samples';

async function spectra(file: DataFile, part: number): Promise<Spectra> {
  const found = await spectraOf(file, file.parts[part], await file.parts[part].open());
  if (!found) {
    throw new Error('no spectrum');
  }
  return found;
}

function madeUp(columns: Record<string, [string, Cell[]]>): [DataFile, Part, Content] {
  const names = Object.keys(columns);
  const rows = columns[names[0]][1].length;
  const table: Table = {
    columns: names.map(name => ({ name, unit: 'nm', description: '', type: columns[name][0] })),
    rows,
    page: async (start, end) =>
      Array.from({ length: end - start }, (_, i) => names.map(name => columns[name][1][start + i])),
    column: async index => columns[names[index]][1]
  };
  const content = { table, notes: [] };
  const part: Part = { title: '', cards: [], keyword: () => undefined, open: async () => content };
  return [{ format: 'Parquet', parts: [part], notes: [] }, part, content];
}

describe('spectra in images', () => {
  test('a logarithmic scale with CD1_1 becomes wavelengths', async () => {
    const one = await (await spectra(await sample('images.fits'), 0)).get(0);
    expect(one.x[0]).toBeCloseTo(10 ** 3.929419, 6);
    expect(one.x[199]).toBeCloseTo(10 ** (3.929419 + 199 * 2.54e-5), 6);
    expect([one.title, one.yAxis.unit]).toEqual(['Made up', 'erg/s']);
  });

  test("RAVE's error is a fraction of the flux, and its wavelengths are in air", async () => {
    const found = await spectra(await sample('images.fits'), 2);
    const one = await found.get(0);
    expect([one.xAxis.name, one.xAxis.unit, one.x[1]]).toEqual(['Wavelength in air', 'Å', 8410.5]);
    expect(one.error?.[0]).toBeCloseTo(0.02 * one.y[0], 8);
    expect(found.notes.join()).toContain('ERROR × flux');
  });

  test('an image of several rows without a scale is no spectrum', async () => {
    const file = await sample('images.fits');
    expect(await spectraOf(file, file.parts[1], await file.parts[1].open())).toBeNull();
  });
});

describe('spectra in tables', () => {
  test.each(['spectrum.fits', 'spectrum.ecsv'])('%s: a row a pixel', async name => {
    const file = await sample(name);
    const one = await (await spectra(file, file.parts.length - 1)).get(0);
    expect([one.x.length, one.x[0], one.x[199], one.xAxis.unit]).toEqual([200, 8500, 8600, 'Å']);
    expect(one.error?.length).toBe(200);
  });

  test('a row a star; identifiers stay exact', async () => {
    const found = await spectra(await sample('snappy.parquet'), 0);
    expect(found.count).toBe(3);
    expect((await found.get(0)).title).toBe(String(ID));
    expect((await found.get(1)).title).toBe('');
  });

  test('several stars under each other are told apart by their identifiers', async () => {
    const [file, part, content] = madeUp({
      source_id: ['int64', [ID, ID, ID + 1n, ID + 1n]],
      wavelength: ['float64', [2, 1, 1, 2]],
      flux: ['float64', [20, 10, 30, 40]]
    });
    const found = await spectraOf(file, part, content);
    expect(found?.count).toBe(2);
    const one = await found?.get(0);
    expect([one?.title, [...(one?.x ?? [])], [...(one?.y ?? [])]]).toEqual([String(ID), [1, 2], [10, 20]]);
  });

  test("Gaia's own grid stands in where there are no wavelengths", async () => {
    const [file, part, content] = madeUp({ flux: ['float32[343]', [Array(343).fill(1)]] });
    const one = await (await spectraOf(file, part, content))?.get(0);
    expect([one?.x[0], one?.x[342]]).toEqual([336, 1020]);
    expect(one?.xAxis.unit).toContain("Gaia's grid of XP");
  });

  test('inverse variance and logarithms are understood', async () => {
    const [file, part, content] = madeUp({
      loglam: ['float64', [3, 3.5]], flux: ['float64', [1, 2]], ivar: ['float64', [4, 0]]
    });
    const one = await (await spectraOf(file, part, content))?.get(0);
    expect(one?.x[0]).toBeCloseTo(1000, 9);
    expect([one?.error?.[0], one?.error?.[1]]).toEqual([0.5, NaN]);
  });

  test('XP coefficients are said to be no spectrum', async () => {
    const [file, part, content] = madeUp({ bp_coefficients: ['float64[55]', [Array(55).fill(1)]] });
    const found = await spectraOf(file, part, content);
    expect([found?.count, found?.notes[0]]).toEqual([0, expect.stringContaining('gaiaxpy.calibrate')]);
  });
});

describe('tables', () => {
  test('neighbouring 64-bit identifiers sort and print exactly', () => {
    expect([...sortedRows([ID + 1n, null, ID, ID + 2n], false)]).toEqual([2, 0, 3, 1]);
    expect([...sortedRows([ID + 1n, null, ID, ID + 2n], true)]).toEqual([3, 0, 2, 1]);
    expect(cellText([ID, null, 1.5])).toBe('[5937083312263887617, , 1.5]');
  });

  test('NaN stands last in either direction', () => {
    expect([...sortedRows([NaN, 2, -1], false)]).toEqual([2, 1, 0]);
    expect([...sortedRows([NaN, 2, -1], true)]).toEqual([1, 2, 0]);
  });
});

describe('the plot', () => {
  test('ticks stand at round numbers, with their power of ten apart', () => {
    expect(ticks(8500, 8600, 5).labels).toEqual(['8500', '8520', '8540', '8560', '8580', '8600']);
    const small = ticks(0, 4.2e-17, 4);
    expect([small.power, small.labels]).toEqual([-17, ['0', '2', '4']]);
    expect(powerText(small.power)).toBe('×10⁻¹⁷');
    expect(ticks(1, 1, 5).places).toEqual([]);
  });

  test('noise of the last digit fills no axis', () => {
    const axis = { name: '', unit: '' };
    const y = Float64Array.of(1, 1 - 1e-8, 1);
    const [low, high] = fluxRange({ title: '', x: Float64Array.of(1, 2, 3), y, error: Float64Array.of(0.02, 0.02, 0.02), xAxis: axis, yAxis: axis }, 0, 3);
    expect([low, high].map(value => value.toFixed(2))).toEqual(['0.96', '1.04']);
    expect(lowerBound(Float64Array.of(1, 2, 3), 2.5)).toBe(2);
  });
});

test.each([
  ['a.fits', { spectrum: true, table: true, part: 1, format: 'FITS' }, 'spectra = snb.read("a.fits")'],
  ['a.fits', { spectrum: false, table: true, part: 1, format: 'FITS' }, 'table = snb.Result.read("a.fits")'],
  ['a.fits', { spectrum: false, table: true, part: 2, format: 'FITS' }, 'table = QTable.read("a.fits", format="fits", hdu=2)'],
  ['a.fits', { spectrum: false, table: false, part: 0, format: 'FITS' }, 'hdus = fits.open("a.fits")'],
  ['a.votable.xml', { spectrum: false, table: true, part: 0, format: 'VOTable' }, 'table = QTable.read("a.votable.xml", format="votable")'],
  ['a "b".parquet', { spectrum: true, table: true, part: 0, format: 'Parquet' }, 'table = snb.Result.read("a \\"b\\".parquet")']
] as const)('the Python that reads %s', (path, what, line) => {
  expect(pythonFor(path, what).split('\n').pop()).toBe(line);
});

test('of a file that was not opened both ways to read it are told', () => {
  expect(pythonUnopened('a.fits')).toContain('snb.read("a.fits")');
  expect(pythonUnopened('a.parquet')).toBe('table = snb.Result.read("a.parquet")');
});

test('a spectrum in a file of another name is still found', async () => {
  const data = new TextEncoder().encode('# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wavelength, datatype: float64}\n# - {name: flux, datatype: float64}\nwavelength flux\n1 2\n2 3\n');
  expect((await spectra(await readFile(data, 'a.fits', LIMIT), 0)).count).toBe(1);
});
