/** Values that files hold as text, read without a loss. */
import type { Cell, Scalar } from '../model';

const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Whether integers of a type can pass what a double holds exactly. */
export function isLong(type: string): boolean {
  return /^u?int64/.test(type);
}

/** Read text as a type of numpy; undefined where it is none. */
export function parseText(text: string, type: string): Scalar | undefined {
  const lean = text.trim();
  if (/^u?int/.test(type)) {
    return WHOLE.test(lean) ? (isLong(type) ? BigInt(lean.replace(/^\+/, '')) : Number(lean)) : undefined;
  }
  if (/^float/.test(type)) {
    if (NUMBER.test(lean)) {
      return Number(lean);
    }
    const lowered = lean.toLowerCase();
    const infinite = /^([+-]?)inf(inity)?$/.exec(lowered);
    return infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : lowered === 'nan' ? NaN : undefined;
  }
  if (type.startsWith('bool')) {
    return /^(true|1|t)$/i.test(lean) ? true : /^(false|0|f)$/i.test(lean) ? false : undefined;
  }
  return text;
}

/** Read JSON, with every integer that a double would round as a bigint; undefined if it is none. */
export function parseJson(text: string): Cell | undefined {
  try {
    // Digits within a string are left alone: the pattern steps over strings.
    const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity/g, token =>
      /^-?\d{16,}$/.test(token) || /^(NaN|-?Infinity)$/.test(token) ? `"\\u0001${token}"` : token
    );
    return JSON.parse(marked, (_, value: unknown) =>
      typeof value === 'string' && value.startsWith('\u0001') ? special(value.slice(1)) : value
    ) as Cell;
  } catch {
    return undefined;
  }
}

function special(token: string): Scalar {
  return /^-?\d+$/.test(token) ? BigInt(token) : Number(token);
}
