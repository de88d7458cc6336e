/** Spectra in tables: a row a pixel, or a row a star with arrays in its cells. */
import type { Cell, ColumnInfo, Part, Table } from './model';
import { words } from './model';
import { ascending, type Axis, prettyUnit, type Spectra, type Spectrum } from './spectrum';

type Role = 'x' | 'loglam' | 'y' | 'error' | 'ivar' | 'id';
const NAMES: Record<Role, readonly string[]> = {
  x: ['wavelength', 'wave', 'wl', 'lambda', 'waveobs', 'wave_air', 'wave_vac'],
  loglam: ['loglam', 'log_lambda', 'loglambda'],
  y: ['flux', 'flux_norm', 'normalised_flux', 'normalized_flux', 'flux_reduced'],
  error: ['flux_error', 'error', 'err', 'flux_err', 'err_reduced', 'e_flux', 'sigma', 'uncertainty'],
  ivar: ['ivar'],
  id: ['source_id', 'sourceid', 'gaia_source_id', 'source', 'apogee_id', 'sobject_id', 'cname', 'object']
};
/** Grids of Gaia's products, for tables of fluxes without wavelengths. */
const GRIDS: Record<number, { from: number; step: number; name: string }> = {
  343: { from: 336, step: 2, name: 'XP' },
  2401: { from: 846, step: 0.01, name: 'RVS' }
};

interface Found {
  readonly roles: Partial<Record<Role, number>>;
  readonly columns: readonly ColumnInfo[];
}

export async function tableSpectra(part: Part, table: Table): Promise<Spectra | null> {
  const roles = rolesOf(table.columns);
  const found: Found = { roles, columns: table.columns };
  if (table.columns.some(column => /^(bp|rp)_coefficients$/i.test(column.name))) {
    return none(
      'It holds XP coefficients (XP_CONTINUOUS), not a spectrum. Ask DataLink for XP_SAMPLED, or sample ' +
        'the coefficients in Python with gaiaxpy.calibrate.'
    );
  }
  if (roles.y === undefined || table.rows === 0) {
    return null;
  }
  const nested = isNested(table.columns[roles.y]) || ((await table.page(0, 1))[0] ?? []).some((c, i) => i === roles.y && isArray(c));
  if (nested) {
    return fromRows(table, found);
  }
  if ((roles.x ?? roles.loglam) === undefined || table.rows < 2) {
    return null;
  }
  try {
    return await fromPixels(part, table, found);
  } catch (error) {
    return none(`The spectrum is not drawn. ${words(error)}`);
  }
}

function none(note: string): Spectra {
  return { count: 0, notes: [note], label: () => '', get: () => Promise.reject(new Error(note)) };
}

function rolesOf(columns: readonly ColumnInfo[]): Partial<Record<Role, number>> {
  const lowered = columns.map(column => column.name.trim().toLowerCase());
  const roles: Partial<Record<Role, number>> = {};
  for (const role of Object.keys(NAMES) as Role[]) {
    for (const name of NAMES[role]) {
      const index = lowered.indexOf(name);
      if (index >= 0) {
        roles[role] = index;
        break;
      }
    }
  }
  return roles;
}

function isNested(column: ColumnInfo): boolean {
  return /\[(\d{2,}|\*|[\d,]+,.*|\d+\*)\]$/.test(column.type);
}

function isArray(cell: Cell): cell is Exclude<Cell, number | bigint | string | boolean | null> {
  return typeof cell === 'object' && cell !== null;
}

function numbers(values: ArrayLike<Cell>): Float64Array {
  return Float64Array.from(values, value =>
    typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : NaN
  );
}

function axes(found: Found): { xAxis: Axis; yAxis: Axis } {
  const column = (role: Role): ColumnInfo | undefined => {
    const index = found.roles[role];
    return index === undefined ? undefined : found.columns[index];
  };
  const x = column('x');
  const name = /air/i.test(x?.name ?? '') ? 'Wavelength in air' : 'Wavelength';
  return {
    xAxis: { name, unit: x ? prettyUnit(x.unit) || '(no unit in the file)' : 'Å (from its logarithm)' },
    yAxis: { name: column('y')?.name ?? 'Flux', unit: prettyUnit(column('y')?.unit ?? '') }
  };
}

/** Put the columns of one spectrum together. */
function spectrum(
  title: string, found: Found, x: Float64Array, loglam: boolean, y: Float64Array, error: Float64Array | null
): Spectrum {
  const inverse = found.roles.error === undefined && found.roles.ivar !== undefined;
  return ascending({
    title,
    x: loglam ? x.map(value => 10 ** value) : x,
    y,
    error: error && inverse ? error.map(value => (value > 0 ? 1 / Math.sqrt(value) : NaN)) : error,
    ...axes(found)
  });
}

async function fromPixels(part: Part, table: Table, found: Found): Promise<Spectra> {
  const { roles } = found;
  const loglam = roles.x === undefined;
  const get = async (index: number | undefined): Promise<Float64Array | null> =>
    index === undefined ? null : numbers(await table.column(index));
  const x = (await get(roles.x ?? roles.loglam)) ?? new Float64Array();
  const y = (await get(roles.y)) ?? new Float64Array();
  const error = await get(roles.error ?? roles.ivar);
  const groups = roles.id === undefined ? new Map<string, number[]>() : groupBy(await table.column(roles.id));
  if (groups.size > 1) {
    const stars = [...groups];
    return {
      count: stars.length,
      notes: [],
      label: index => stars[index][0],
      get: async index => {
        const [name, rows] = stars[index];
        const pick = (values: Float64Array): Float64Array => Float64Array.from(rows, row => values[row]);
        return spectrum(name, found, pick(x), loglam, pick(y), error && pick(error));
      }
    };
  }
  const first = [...groups.keys()][0] ?? part.keyword('SOURCEID') ?? part.keyword('source_id') ?? part.keyword('OBJECT');
  const name = first === undefined ? '' : String(first);
  return { count: 1, notes: [], label: () => name, get: async () => spectrum(name, found, x, loglam, y, error) };
}

function groupBy(ids: readonly Cell[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  ids.forEach((id, row) => {
    const key = String(id);
    const rows = groups.get(key);
    if (rows) {
      rows.push(row);
    } else {
      groups.set(key, [row]);
    }
  });
  return groups;
}

function fromRows(table: Table, found: Found): Spectra {
  const { roles } = found;
  const cellOf = (cells: readonly Cell[], role: Role): Float64Array | null => {
    const index = roles[role];
    const cell = index === undefined ? null : cells[index];
    return isArray(cell) && cell.length ? numbers(cell as ArrayLike<Cell>) : null;
  };
  return {
    count: table.rows,
    notes: [],
    label: index => `row ${index + 1}`,
    get: async index => {
      const cells = (await table.page(index, index + 1))[0] ?? [];
      const y = cellOf(cells, 'y') ?? new Float64Array();
      const loglam = roles.x === undefined && roles.loglam !== undefined;
      const role: Role = loglam ? 'loglam' : 'x';
      // One grid for all stars may stand in the first row alone.
      const own = cellOf(cells, role) ?? cellOf((await table.page(0, 1))[0] ?? [], role);
      const grid = GRIDS[y.length];
      const fits = own?.length === y.length ? own : null;
      const x = fits ?? Float64Array.from(y, (_, i) => (grid ? grid.from + i * grid.step : i + 1));
      const error = cellOf(cells, 'error') ?? cellOf(cells, 'ivar');
      const id = (roles.id === undefined ? null : cells[roles.id]) ?? null;
      const one = spectrum(id === null ? '' : String(id), found, x, loglam && fits !== null, y, error?.length === y.length ? error : null);
      if (fits) {
        return one;
      }
      return {
        ...one,
        xAxis: grid ? { name: 'Wavelength', unit: `nm (Gaia's grid of ${grid.name}; the file has none)` } : { name: 'Pixel', unit: '' }
      };
    }
  };
}
