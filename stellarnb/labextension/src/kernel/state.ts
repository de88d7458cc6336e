/** What the kernel says it holds: `stellarnb.kernel_state.describe`, checked field by field. */

/** The form of the answers that this panel understands. */
export const PROTOCOL = 1;

/** A SpectrumSet, table, map or widget. */
export interface IEntry {
  name: string;
  kind: string;
  detail: string;
  rows: number | null;
  bytes: number | null;
  code: string;
}

export interface IModel {
  name: string;
  where: string;
  synthetic: boolean;
  here: string[];
  code: string;
}

export interface ICache {
  folder: string;
  entries: number;
  bytes: number;
  limit: number;
  error: string;
}

export interface IDevice {
  name: string;
  free: number;
  total: number;
  taken: number;
}

export interface IMemory {
  taken: number | null;
  free: number | null;
  device: IDevice | null;
  error: string;
}

export const GROUPS = ['spectra', 'tables', 'maps'] as const;
export type Group = (typeof GROUPS)[number];

export interface IKernelState {
  prelude: string;
  groups: Record<Group, IEntry[]>;
  more: Record<Group, number>;
  models: IModel[];
  cache: ICache;
  memory: IMemory;
}

type Fields = Record<string, unknown>;

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

function entry(value: unknown): IEntry {
  const from = fields(value);
  return {
    name: text(from.name),
    kind: text(from.kind),
    detail: text(from.detail),
    rows: number(from.rows),
    bytes: number(from.bytes),
    code: text(from.code)
  };
}

function model(value: unknown): IModel {
  const from = fields(value);
  return {
    name: text(from.name),
    where: text(from.where),
    synthetic: from.synthetic === true,
    here: list(from.here).map(text),
    code: text(from.code)
  };
}

function device(value: unknown): IDevice | null {
  const from = fields(value);
  if (text(from.name) === '') {
    return null;
  }
  return {
    name: text(from.name),
    free: number(from.free) ?? 0,
    total: number(from.total) ?? 0,
    taken: number(from.taken) ?? 0
  };
}

/** Read an answer; null if it is none that this panel understands. */
export function readState(value: unknown): IKernelState | null {
  const from = fields(value);
  if (from.protocol !== PROTOCOL) {
    return null;
  }
  const more = fields(from.more);
  const cache = fields(from.cache);
  const memory = fields(from.memory);
  const each = <T>(make: (group: Group) => T): Record<Group, T> =>
    Object.fromEntries(GROUPS.map(group => [group, make(group)])) as Record<Group, T>;
  return {
    prelude: text(from.prelude),
    groups: each(group => list(from[group]).map(entry)),
    more: each(group => number(more[group]) ?? 0),
    models: list(from.models).map(model),
    cache: {
      folder: text(cache.folder),
      entries: number(cache.entries) ?? 0,
      bytes: number(cache.bytes) ?? 0,
      limit: number(cache.limit) ?? 0,
      error: text(cache.error)
    },
    memory: {
      taken: number(memory.taken),
      free: number(memory.free),
      device: device(memory.device),
      error: text(memory.error)
    }
  };
}
