/** Any bytes give a result or a problem in words: no other exception, and no hang. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFile, readInPart } from '../../src/viewer/formats';
import { memorySource } from '../../src/viewer/formats/bytes';
import { FileProblem } from '../../src/viewer/model';
import { spectraOf } from '../../src/viewer/find_spectra';
import { bytes, exhaust } from './samples';

/** Small, so that what is unpacked stays small. */
const LIMIT = 1e6;
const RUNS = Number(process.env.STELLARNB_FUZZ_RUNS ?? 60);

async function survives(data: Uint8Array, name: string): Promise<void> {
  for (const open of [
    () => readFile(data, name, LIMIT),
    () => readInPart({ ...memorySource(data), whole: false }, name)
  ]) {
    try {
      const file = await open();
      for (const part of file.parts) {
        try {
          const spectra = await spectraOf(file, part, await part.open());
          if (spectra?.count) {
            await spectra.get(0);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FileProblem);
        }
      }
      await exhaust(file);
    } catch (error) {
      if (!(error instanceof FileProblem)) {
        throw error;
      }
      expect(error.happened.length).toBeGreaterThan(10);
      expect(error.advice.length).toBeGreaterThan(10);
    }
  }
}

const SAMPLES = [
  'types.fits', 'images.fits', 'spectrum.fits', 'ascii.fits', 'types.fits.gz', 'table.ecsv', 'spectrum.ecsv',
  'tabledata.vot', 'binary.vot', 'binary2.vot', 'snappy.parquet', 'zstd.parquet', 'none.parquet'
];

describe.each(SAMPLES)('%s', name => {
  const whole = bytes(name);

  test('with bytes changed', { timeout: 60_000 }, async () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async changes => {
        const data = whole.slice();
        changes.forEach(([at, value]) => {
          data[at] = value;
        });
        await survives(data, name);
      }),
      { numRuns: RUNS }
    );
  });

  test('cut short', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), async length => survives(whole.slice(0, length), name)),
      { numRuns: Math.ceil(RUNS / 3) }
    );
  });
});

test('numbers in a FITS header changed', { timeout: 60_000 }, async () => {
  const whole = bytes('types.fits');
  const text = new TextDecoder('latin1').decode(whole);
  const places = [...text.matchAll(/(?:NAXIS\d?|BITPIX|PCOUNT|GCOUNT|TFIELDS|THEAP) *= +(-?\d+)/g)].map(m => m.index + 10);
  const number = fc.oneof(fc.integer(), fc.bigInt(), fc.constantFrom('T', "'x'", '', '1.5', '-1', '999999999999999999'));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), number, async (at, value) => {
      const data = whole.slice();
      data.set(new TextEncoder().encode(String(value).slice(0, 20).padStart(20)), at);
      await survives(data, 'a.fits');
    }),
    { numRuns: 2 * RUNS }
  );
});

test('any bytes after the marks of a format', { timeout: 60_000 }, async () => {
  const marks = ['', 'SIMPLE  =                    T', 'PAR1', '# %ECSV 1.0\n', '<VOTABLE>', '\u001f\u008b\u0008'];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...marks), fc.uint8Array({ maxLength: 400 }), async (mark, rest) => {
      const head = Uint8Array.from(mark, letter => letter.charCodeAt(0));
      const data = new Uint8Array([...head, ...rest, ...(mark === 'PAR1' ? head : [])]);
      await survives(data, 'a.fits');
    }),
    { numRuns: 2 * RUNS }
  );
});
