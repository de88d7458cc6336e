import { PROTOCOL } from '../src/kernel/state';

export const EVIL = '<img src=x onerror="document.title=1">';

/** An answer of a kernel, as it comes over the wire. */
export const answer = (extra: Record<string, unknown> = {}): Record<string, unknown> => ({
  protocol: PROTOCOL,
  prelude: '',
  spectra: [
    {
      name: 'spectra',
      kind: 'SpectrumSet',
      detail: 'Gaia XP, 343 pixels',
      rows: 4039,
      bytes: 12_501_000,
      code: 'snb.SpectrumViewer(spectra)'
    }
  ],
  tables: [
    { name: EVIL, kind: 'Labels', detail: EVIL, rows: 1, bytes: 96, code: 'snb.ChemicalMap(t)' },
    { name: 'b', kind: 'Result', detail: '', rows: 0, bytes: null, code: 'b' }
  ],
  maps: [],
  more: { spectra: 0, tables: 3, maps: 0 },
  models: [
    { name: 'gaia-rvs', where: 'in the package', synthetic: true, here: ['m'], code: 'load' },
    { name: 'xp-apogee', where: 'in the package', synthetic: false, here: [], code: 'load2' }
  ],
  cache: { folder: '/c', entries: 1, bytes: 5, limit: 20e9 },
  memory: { taken: 725e6, free: 2e9, device: null },
  ...extra
});
