import type { ICache, IDevice, IEntry, IMemory, IModel } from '../kernel/state';

/** A line of the panel; all of it is shown as text. */
export interface ILine {
  name: string;
  /** A mark beside the name that must not be overlooked. */
  mark: string;
  detail: string;
  code: string;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** Return a size in MB with two digits or more, such as 0.15 MB or 4,039 MB. */
export function megabytes(bytes: number): string {
  const size = bytes / 1e6;
  if (size >= 10) {
    return `${whole.format(size)} MB`;
  }
  return size > 0 && size < 0.01 ? '< 0.01 MB' : `${Number(size.toPrecision(2))} MB`;
}

const counted = (n: number, one: string, many: string): string =>
  `${whole.format(n)} ${n === 1 ? one : many}`;

export function entryLine(entry: IEntry): ILine {
  const parts = [
    entry.kind,
    entry.rows === null ? '' : counted(entry.rows, 'row', 'rows'),
    entry.bytes === null ? '' : megabytes(entry.bytes),
    entry.detail
  ];
  return { name: entry.name, mark: '', detail: parts.filter(Boolean).join(' · '), code: entry.code };
}

export function modelLine(model: IModel): ILine {
  const here = model.here.length > 0 ? `loaded as ${model.here.join(', ')}` : '';
  return {
    name: model.name,
    mark: model.synthetic ? 'synthetic-trained' : '',
    detail: [model.where, here].filter(Boolean).join(' · '),
    code: model.code
  };
}

export function cacheWords(cache: ICache): string {
  if (cache.error) {
    return cache.error;
  }
  const entries = counted(cache.entries, 'entry', 'entries');
  return `${entries}, ${megabytes(cache.bytes)} of at most ${megabytes(cache.limit)}, in ${cache.folder}`;
}

const deviceWords = (device: IDevice): string =>
  `${device.name}: this kernel takes ${megabytes(device.taken)}; ` +
  `${megabytes(device.free)} of ${megabytes(device.total)} are free.`;

export function memoryWords(memory: IMemory): string[] {
  const free = memory.free === null ? '' : `; ${megabytes(memory.free)} are free`;
  return [
    memory.taken === null ? '' : `CPU: this kernel takes ${megabytes(memory.taken)}${free}.`,
    memory.device ? deviceWords(memory.device) : 'No accelerator is in use.',
    memory.error
  ].filter(Boolean);
}

/** Return code with the import that it needs. */
export const complete = (prelude: string, code: string): string =>
  prelude ? `${prelude}\n\n${code}` : code;

/** Return the time of day for people, such as 21:05:09. */
export const clock = (at: Date): string => at.toTimeString().slice(0, 8);
