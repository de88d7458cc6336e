import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/viewer/formats/bytes';
import { readFile, readInPart } from '../../src/viewer/formats';
import { bytes, column, ID, LIMIT, sample, tableOf } from './samples';

const expected = JSON.parse(new TextDecoder().decode(bytes('expected.json')));
const MARKUP = "<img src=x onerror=\"console.error('markup')\"><b>bold</b>";

describe('FITS', () => {
  test('every kind of column has the values that astropy reads', async () => {
    const table = await tableOf(await sample('types.fits'));
    expect((await column(table, 'long')).map(String)).toEqual(expected.long);
    expect((await column(table, 'huge')).map(String)).toEqual(expected.huge);
    expect(await column(table, 'unsigned')).toEqual(expected.unsigned);
    expect(await column(table, 'scaled')).toEqual(expected.scaled);
    expect(await column(table, 'bits')).toEqual(expected.bits);
    expect((await column(table, 'ragged')).map(c => Array.from(c as number[]))).toEqual(expected.ragged);
    expect(await column(table, 'flag')).toEqual([true, false]);
    expect(await column(table, 'byte')).toEqual([0, 255]);
    expect(await column(table, 'short')).toEqual([null, 32767]);
    expect(await column(table, 'single')).toEqual([0.1, NaN]);
    expect(await column(table, 'double')).toEqual([1e-300, Infinity]);
    expect(await column(table, 'complex')).toEqual(['1+2j', '0-0.5j']);
    expect(await column(table, 'name')).toEqual(['Sun', MARKUP.slice(0, 12)]);
    expect(Array.from((await column(table, 'vector'))[1] as number[])).toEqual([4, 5, 6]);
    expect(table.columns.map(one => one.type).slice(4, 9)).toEqual([
      'uint16', 'float64', 'int64', 'uint64', 'float32'
    ]);
    expect(table.columns[6].description).toBe("Gaia's identifier");
    expect(table.columns[8].unit).toBe('mag');
  });

  test('identifiers in headers, long texts and HIERARCH keywords are whole', async () => {
    const part = (await sample('types.fits')).parts[1];
    const value = (key: string): string | undefined => part.cards.find(card => card.key === key)?.value;
    expect(value('SOURCEID')).toBe(String(ID));
    expect(value('LONGTEXT')).toBe(expected.longtext.trim());
    expect(value('ESO TEL NAME')).toBe('VLT');
    expect(value('OBSERVER')).toBe("O'Brien <b>");
  });

  test('images are scaled, and blank pixels are none', async () => {
    const { image } = await (await sample('images.fits')).parts[1].open();
    expect(image && [image.width, image.height]).toEqual([3, 2]);
    const row = await image?.row(0);
    expect(row?.[0]).toBeCloseTo(1.1, 12);
    expect(row?.[2]).toBeNaN();
  });

  test('ASCII tables are read', async () => {
    const table = await tableOf(await sample('ascii.fits'));
    expect(await table.page(0, 2)).toEqual([[ID, 1.5, 'one'], [7n, -2.25, 'two']]);
    expect(table.columns[1].unit).toBe('m');
  });

  test('packed files are unpacked, up to a limit', async () => {
    const table = await tableOf(await sample('types.fits.gz'));
    expect(await column(table, 'long')).toEqual([ID, -1n]);
    await expect(readFile(bytes('types.fits.gz'), 'a.fits.gz', 1000)).rejects.toThrow(/unpacks to more than 10.0 kB/);
  });

  test('of a file that was cut short the whole rows are shown, with a word', async () => {
    const file = await readFile(bytes('spectrum.fits').subarray(0, 8640 + 160), 'a.fits', LIMIT);
    const { table, notes } = await file.parts[1].open();
    expect(table?.rows).toBeGreaterThan(0);
    expect(table?.rows).toBeLessThan(200);
    expect(notes.join(' ')).toMatch(/cut short.*Fetch the file again/s);
  });

  test('a header without an end is said in words', async () => {
    await expect(readFile(bytes('types.fits').subarray(0, 300), 'a.fits', LIMIT)).rejects.toThrow(/never ends/);
  });

  test('sizes are checked against the file before anything is made of them', async () => {
    const data = bytes('spectrum.fits');
    const text = new TextDecoder('latin1').decode(data);
    const at = text.indexOf('NAXIS2  =                  200');
    const huge = data.slice();
    huge.set(new TextEncoder().encode('NAXIS2  =        9000000000000'), at);
    const { table, notes } = await (await readFile(huge, 'a.fits', LIMIT)).parts[1].open();
    expect(table?.rows).toBeLessThan(500);
    expect(notes.join(' ')).toMatch(/cut short/);
  });
});

describe('ECSV', () => {
  test('types, units, missing values and exact identifiers', async () => {
    const file = await sample('table.ecsv');
    const table = await tableOf(file);
    expect(await column(table, 'source_id')).toEqual([ID, ID + 1n, 2n]);
    expect(await column(table, 'teff')).toEqual([5777.5, 4321, null]);
    expect(await column(table, 'good')).toEqual([true, false, true]);
    expect(await column(table, MARKUP)).toEqual([MARKUP, 'plain, "quoted"', 'α Cen']);
    expect(table.columns[1].unit).toBe('K');
    expect(table.columns[1].description).toContain('<script>');
    expect(file.notes).toEqual([]);
  });

  const ecsv = (columns: string, rows: string): Promise<unknown[][]> =>
    readFile(new TextEncoder().encode(`# %ECSV 1.0\n# ---\n# datatype:\n${columns}${rows}`), 'a.ecsv', LIMIT)
      .then(async file => (await tableOf(file)).page(0, 9));

  test('arrays in cells keep 64-bit integers', async () => {
    const rows = await ecsv("# - {name: ids, datatype: string, subtype: 'int64[null]'}\n", 'ids\n"[5937083312263887617,2,null]"\n');
    expect(rows).toEqual([[[ID, 2n, null]]]);
  });

  test('a value that is none of its type is shown and spoken of', async () => {
    const text = '# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int32}\na\n1\nmany\n';
    const file = await readFile(new TextEncoder().encode(text), 'a.ecsv', LIMIT);
    expect(await (await tableOf(file)).page(0, 2)).toEqual([[1], ['many']]);
    expect(file.notes.join()).toContain('1 value that is no int32 (such as “many”)');
  });

  test('a row of another length ends the table with a word', async () => {
    const text = '# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int32}\n# - {name: b, datatype: int32}\na b\n1 2\n3\n';
    const file = await readFile(new TextEncoder().encode(text), 'a.ecsv', LIMIT);
    expect((await tableOf(file)).rows).toBe(1);
    expect(file.notes.join()).toContain('Row 2 has 1 values for 2 columns');
  });

  test('notes that are no YAML, as the Gaia archive writes them, cost the notes alone', async () => {
    const text = '# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int32}\n# meta:\n#   QUERY: \n#   |\n#    \n#       SELECT\na\n1\n';
    const file = await readFile(new TextEncoder().encode(text), 'a.ecsv', LIMIT);
    expect(await (await tableOf(file)).page(0, 1)).toEqual([[1]]);
    expect(file.notes.join()).toContain('not valid YAML');
  });

  test('aliases that grow without bound are refused', async () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih']) {
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(',')}]`);
    }
    const text = `# %ECSV 1.0\n# ---\n${bomb.map(line => `# ${line}\n`).join('')}# datatype: *i\na\n`;
    await expect(readFile(new TextEncoder().encode(text), 'a.ecsv', LIMIT)).rejects.toThrow(/no ECSV header/);
  });
});

describe('VOTable', () => {
  test.each(['tabledata', 'binary', 'binary2'])('%s has exact identifiers, missing values and arrays', async form => {
    const table = await tableOf(await sample(`${form}.vot`));
    expect(await column(table, 'source_id')).toEqual([ID, ID + 1n, 2n]);
    const teff = await column(table, 'teff');
    expect(teff.slice(0, 2)).toEqual([5777.5, 4321]);
    expect([null, NaN]).toContainEqual(teff[2]);
    expect(await column(table, MARKUP)).toEqual([MARKUP, 'plain, "quoted"', 'α Cen']);
    expect((await column(table, 'vector'))[1]).toEqual([3, 4, 5]);
    expect((await column(table, 'single')).slice(0, 2)).toEqual([0.1, 2.5e-17]);
    expect(table.columns[1].unit).toBe('K');
  });

  const votable = (inside: string): Uint8Array => new TextEncoder().encode(`<?xml version="1.0"?>${inside}`);

  test('entities, and data at other addresses, are refused', async () => {
    await expect(readFile(votable('<!DOCTYPE VOTABLE [<!ENTITY a "b">]><VOTABLE></VOTABLE>'), 'a.vot', LIMIT)).rejects.toThrow(/entities/);
    const far = '<VOTABLE><RESOURCE><TABLE><FIELD name="a" datatype="int"/><DATA><BINARY><STREAM href="http://example.org/x"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>';
    const file = await readFile(votable(far), 'a.vot', LIMIT);
    await expect(file.parts[0].open()).rejects.toThrow(/another address/);
  });

  test('what the archive says instead of data is shown', async () => {
    const failed = '<VOTABLE><RESOURCE><INFO name="QUERY_STATUS" value="ERROR">no such column</INFO></RESOURCE></VOTABLE>';
    expect((await readFile(votable(failed), 'a.vot', LIMIT)).notes).toEqual(['The archive says ERROR: no such column.']);
  });

  test('one that was cut short is said in words', async () => {
    await expect(readFile(bytes('binary2.vot').subarray(0, 900), 'a.vot', LIMIT)).rejects.toThrow(/cut short/);
  });
});

describe('Parquet', () => {
  test.each(['snappy', 'zstd', 'none'])('%s: exact identifiers, units, lists and missing values', async codec => {
    const table = await tableOf(await sample(`${codec}.parquet`));
    expect(await column(table, 'source_id')).toEqual([ID, null, 3n]);
    expect(await column(table, 'teff')).toEqual([5777.5, null, 4000]);
    expect(await column(table, 'single')).toEqual([0.1, 0.2, 0.3]);
    expect(await column(table, MARKUP)).toEqual(['a', MARKUP, null]);
    expect(await column(table, 'when')).toEqual(['1970-01-01', '1970-01-02', null]);
    expect(((await column(table, 'flux'))[0] as number[]).length).toBe(200);
    expect(table.columns.map(one => one.type)).toEqual(['int64', 'float64', 'float32', 'float32[*]', 'string', 'timestamp']);
    expect([table.columns[1].unit, table.columns[1].description]).toEqual(['K', 'Effective temperature']);
  });
});

test('a Parquet schema that lost the name of a column is said to be damaged', async () => {
  const data = bytes('none.parquet');
  data[1005] = 161;
  await expect(readFile(data, 'a.parquet', LIMIT)).rejects.toThrow(/no name: it is damaged/);
});

describe('any file', () => {
  test('one that is not what its ending says is read as what it is', async () => {
    const file = await readFile(bytes('table.ecsv'), 'wrong.fits', LIMIT);
    expect(file.format).toBe('ECSV');
    expect(file.notes[0]).toBe('Its name says FITS, but it is ECSV, and is shown as such.');
  });

  test.each([
    ['', /empty/],
    ['<!DOCTYPE html><html><title>Login</title>', /web page, titled “Login”/],
    ['PK\u0003\u0004', /zip/],
    ['<?xml version="1.0"?><svg/>', /XML, but no VOTable/],
    ['\u007fELF', /none of FITS/]
  ])('%j is said in words', async (text, what) => {
    await expect(readFile(new TextEncoder().encode(text), 'a.fits', LIMIT)).rejects.toThrow(what);
  });

  test.each(['types.fits', 'snappy.parquet', 'table.ecsv'])('%s can be read in part, without all of it', async name => {
    const data = bytes(name);
    const source = { ...memorySource(data), whole: false };
    const file = await readInPart(source, name);
    const table = await tableOf(file);
    expect((await table.page(0, 2)).flat()).toContainEqual(ID);
    if (name !== 'table.ecsv') {
      await expect(table.column(0)).rejects.toThrow(/read in part/);
    }
  });
});
