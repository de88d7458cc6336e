/** FITS headers: cards of 80 characters, in blocks of 2880 bytes (FITS Standard 4.0, section 4). */
import type { Card } from '../model';
import { FETCH_AGAIN, FileProblem, type Source } from '../model';
import { latin1 } from './bytes';

export const BLOCK = 2880;
const CARD = 80;
/** A header of more blocks (7.2 million cards) is none. */
const MOST_BLOCKS = 200_000;

type Value = string | number | bigint | boolean;

export class Header {
  constructor(
    readonly cards: readonly Card[],
    private readonly _values: ReadonlyMap<string, Value>
  ) {}

  get(key: string): Value | undefined {
    return this._values.get(key);
  }

  text(key: string): string {
    const value = this._values.get(key);
    return value === undefined ? '' : String(value).trim();
  }

  /** A whole number that sizes are made of; 0 where the card is missing. */
  count(key: string, otherwise = 0): number {
    const value = this._values.get(key);
    if (value === undefined) {
      return otherwise;
    }
    const number = Number(value);
    if (typeof value === 'string' || typeof value === 'boolean' || !Number.isSafeInteger(number)) {
      throw new FileProblem(`Its header says ${key} = ${String(value)}, which is not a valid count.`, FETCH_AGAIN);
    }
    return number;
  }

  number(key: string): number | undefined {
    const value = this._values.get(key);
    return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
  }
}

/** Read a header; return it and where the data begin. */
export async function readHeader(source: Source, start: number): Promise<[Header, number]> {
  const texts: string[] = [];
  for (let block = 0; block < MOST_BLOCKS; block++) {
    const at = start + block * BLOCK;
    const data = await source.slice(at, Math.min(at + BLOCK, source.size));
    const text = latin1(data);
    for (let i = 0; i + CARD <= text.length; i += CARD) {
      const card = text.slice(i, i + CARD);
      if (/^END {5}/.test(card)) {
        return [parseCards(texts), at + BLOCK];
      }
      texts.push(card);
    }
    if (data.length < BLOCK) {
      break;
    }
  }
  throw new FileProblem(
    `A header begins at byte ${start} and never ends: the file was cut short, or is damaged.`,
    FETCH_AGAIN
  );
}

export function parseCards(texts: readonly string[]): Header {
  const cards: Card[] = [];
  const values = new Map<string, Value>();
  let last: { key: string; value: string; comment: string } | null = null;
  for (const text of texts) {
    const [key, rest] = split(text);
    if (rest === null) {
      const commentary = text.slice(8).trimEnd();
      const part: RegExpExecArray | null = key === 'CONTINUE' ? STRING.exec(commentary) : null;
      if (part && last && last.value.endsWith('&')) {
        last.value = last.value.slice(0, -1) + unquote(part[1]);
        last.comment += commentOf(part[2]);
        cards[cards.length - 1] = { ...last };
        values.set(last.key, last.value);
        continue;
      }
      last = null;
      if (key || commentary.trim()) {
        cards.push({ key, value: commentary.trim(), comment: '' });
      }
      continue;
    }
    const string = STRING.exec(rest);
    if (string) {
      last = { key, value: unquote(string[1]), comment: commentOf(string[2]) };
      cards.push({ ...last });
      setOnce(values, key, last.value);
      continue;
    }
    last = null;
    const slash = rest.indexOf('/');
    const value = (slash < 0 ? rest : rest.slice(0, slash)).trim();
    cards.push({ key, value, comment: slash < 0 ? '' : rest.slice(slash + 1).trim() });
    const parsed = parseValue(value);
    if (parsed !== undefined) {
      setOnce(values, key, parsed);
    }
  }
  return new Header(cards, values);
}

const STRING = /^\s*'((?:[^']|'')*)'(.*)$/;

function split(card: string): [string, string | null] {
  if (card.startsWith('HIERARCH ')) {
    const equals = card.indexOf('=');
    return equals > 0 ? [card.slice(9, equals).trim(), card.slice(equals + 1)] : ['HIERARCH', null];
  }
  const key = card.slice(0, 8).trim();
  const valued = card.slice(8, 10) === '= ' && key && !/^(COMMENT|HISTORY|CONTINUE)$/.test(key);
  return [key, valued ? card.slice(10) : null];
}

/** The first of two cards of one name counts, as for astropy. */
function setOnce(values: Map<string, Value>, key: string, value: Value): void {
  if (!values.has(key)) {
    values.set(key, value);
  }
}

function unquote(text: string): string {
  return text.replace(/''/g, "'").trimEnd();
}

function commentOf(rest: string): string {
  const slash = rest.indexOf('/');
  return slash < 0 ? '' : rest.slice(slash + 1).trim();
}

function parseValue(text: string): Value | undefined {
  if (text === 'T' || text === 'F') {
    return text === 'T';
  }
  if (/^[+-]?\d{1,30}$/.test(text)) {
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text.replace(/^\+/, ''));
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)([EeDd][+-]?\d+)?$/.test(text)) {
    return Number(text.replace(/[Dd]/, 'E'));
  }
  return text ? text : undefined;
}
