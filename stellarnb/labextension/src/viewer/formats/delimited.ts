/** Lines of values, with quotation marks as in RFC 4180. */

export interface Rows {
  readonly rows: string[][];
  /** Whether the text ends within quotation marks. */
  readonly unclosed: boolean;
}

/** Split text into rows; blank lines and comment lines are stepped over. */
export function splitRows(text: string, delimiter: string): Rows {
  const rows: string[][] = [];
  let at = 0;
  let unclosed = false;
  while (at < text.length) {
    const character = text[at];
    if (character === '\n' || character === '\r') {
      at++;
      continue;
    }
    if (character === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
      continue;
    }
    const row: string[] = [];
    [at, unclosed] = readRow(text, at, delimiter, row);
    rows.push(row);
  }
  return { rows, unclosed };
}

function readRow(text: string, start: number, delimiter: string, row: string[]): [number, boolean] {
  let at = start;
  const blanks = delimiter === ' ';
  for (;;) {
    if (blanks) {
      while (text[at] === ' ') {
        at++;
      }
    }
    let unclosed = false;
    if (text[at] === '"') {
      let value: string;
      [value, at, unclosed] = quoted(text, at + 1);
      row.push(value);
    } else {
      const from = at;
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') {
        at++;
      }
      row.push(text.slice(from, at));
    }
    if (blanks) {
      while (text[at] === ' ' && (at + 1 >= text.length || /[\r\n]/.test(text[at + 1]))) {
        at++;
      }
    }
    if (at >= text.length || unclosed) {
      return [text.length, unclosed];
    }
    if (text[at] === '\n' || text[at] === '\r') {
      return [at + 1, false];
    }
    // A delimiter; or what follows a closing quotation mark, which is a value of its own.
    at += text[at] === delimiter ? 1 : 0;
  }
}

function quoted(text: string, start: number): [string, number, boolean] {
  let out = '';
  let at = start;
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) {
      return [out + text.slice(at), text.length, true];
    }
    out += text.slice(at, end);
    if (text[end + 1] !== '"') {
      return [out, end + 1, false];
    }
    out += '"';
    at = end + 2;
  }
}
