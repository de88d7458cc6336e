/** VOTable 1.1 to 1.5: TABLEDATA, BINARY and BINARY2 (base64). Nothing outside the file is followed. */
import type { Card, Cell, DataFile, Part, Table } from '../model';
import { FETCH_AGAIN, FileProblem } from '../model';
import { fromBase64 } from './bytes';
import { parseText } from './values';
import { isDatatype, type VoField, voBinary } from './votable_binary';

const NUMPY: Record<string, string> = {
  boolean: 'bool', bit: 'bit', unsignedByte: 'uint8', short: 'int16', int: 'int32', long: 'int64',
  char: 'string', unicodeChar: 'string', float: 'float32', double: 'float64',
  floatComplex: 'complex64', doubleComplex: 'complex128'
};
/** Most values of a cell of fixed length. */
const MOST_VALUES = 1e8;

export function readVotable(data: Uint8Array): DataFile {
  const text = new TextDecoder().decode(data);
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) {
    throw new FileProblem(
      'It declares a document type or entities, which no archive sends; it was not read.',
      'Ask where the file comes from.'
    );
  }
  if (!/<\/([\w.-]+:)?VOTABLE\s*>/i.test(text.slice(-2000))) {
    throw new FileProblem('It ends before its last tag (</VOTABLE>): it was cut short.', FETCH_AGAIN);
  }
  const document = new DOMParser().parseFromString(text, 'application/xml');
  const root = document.documentElement;
  if (!root || named(document, 'parsererror').length || local(root) !== 'VOTABLE') {
    throw new FileProblem('Its XML is damaged, or was cut short.', FETCH_AGAIN);
  }
  const notes = failures(document);
  const tables = named(document, 'TABLE');
  const common = [...named(document, 'INFO'), ...outside(named(document, 'PARAM'))].map(card);
  const parts = tables.map((table, index) => votablePart(table, index, common));
  if (!parts.length) {
    if (!notes.length) {
      notes.push('It holds no table.');
    }
    parts.push({ title: 'no table', cards: common, keyword: () => undefined, open: async () => ({ notes: [] }) });
  }
  return { format: 'VOTable', parts, notes };
}

function named(root: Document | Element, name: string): Element[] {
  return Array.from(root.getElementsByTagName('*')).filter(element => local(element) === name);
}

function local(element: Element): string {
  return element.tagName.replace(/^.*:/, '');
}

function children(element: Element, name: string): Element[] {
  return Array.from(element.children).filter(child => local(child) === name);
}

function outside(params: Element[]): Element[] {
  return params.filter(param => param.parentElement && local(param.parentElement) !== 'TABLE');
}

function describe(element: Element): string {
  return children(element, 'DESCRIPTION')[0]?.textContent?.trim().replace(/\s+/g, ' ') ?? '';
}

function card(element: Element): Card {
  const unit = element.getAttribute('unit');
  const value = element.getAttribute('value') ?? '';
  return {
    key: element.getAttribute('name') ?? element.getAttribute('ID') ?? '',
    value: unit ? `${value} ${unit}` : value,
    comment: local(element) === 'PARAM' ? describe(element) : element.textContent?.trim().slice(0, 2000) ?? ''
  };
}

/** What an archive says instead of, or beside, the data. */
function failures(document: Document): string[] {
  return named(document, 'INFO')
    .filter(info => info.getAttribute('name') === 'QUERY_STATUS' && info.getAttribute('value') !== 'OK')
    .map(info => {
      const said = info.textContent?.trim().slice(0, 300) ?? '';
      const status = info.getAttribute('value');
      return status === 'OVERFLOW'
        ? 'The archive cut the result at its limit of rows (QUERY_STATUS OVERFLOW).'
        : `The archive says ${status}${said ? `: ${said}` : ''}.`;
    });
}

function votablePart(table: Element, index: number, common: readonly Card[]): Part {
  const name = table.getAttribute('name') ?? table.getAttribute('ID') ?? '';
  const own = children(table, 'PARAM');
  const about = describe(table);
  const cards = [
    ...(about ? [{ key: 'DESCRIPTION', value: about, comment: '' }] : []),
    ...own.map(card),
    ...common
  ];
  return {
    title: `${index}${name ? ` ${name}` : ''}: table`,
    cards,
    keyword: key => own.find(p => p.getAttribute('name')?.toLowerCase() === key.toLowerCase())?.getAttribute('value') ?? undefined,
    open: async () => {
      const notes: string[] = [];
      return { table: votableRows(table, notes), notes };
    }
  };
}

function fieldOf(element: Element, index: number): VoField {
  const datatype = element.getAttribute('datatype') ?? 'char';
  if (!isDatatype(datatype)) {
    throw new FileProblem(`Column ${index + 1} has the datatype “${datatype}”, which VOTable does not know.`, FETCH_AGAIN);
  }
  const size = element.getAttribute('arraysize')?.trim() ?? '';
  const varies = size.includes('*');
  const length = varies ? null : size.split('x').reduce((product, part) => product * (Number(part || 1) || 0), 1);
  if (length !== null && !(length <= MOST_VALUES)) {
    throw new FileProblem(`Column ${index + 1} announces ${size} values a row.`, FETCH_AGAIN);
  }
  const text = datatype === 'char' || datatype === 'unicodeChar';
  const array = size !== '' && size !== '1';
  const shape = array && !text ? `[${size.replace(/x/g, ',')}]` : '';
  return {
    name: element.getAttribute('name') ?? element.getAttribute('ID') ?? `column ${index + 1}`,
    unit: element.getAttribute('unit') ?? '',
    description: describe(element),
    type: `${NUMPY[datatype]}${shape}`,
    datatype,
    length,
    array,
    blank: children(element, 'VALUES')[0]?.getAttribute('null') ?? ''
  };
}

function votableRows(table: Element, notes: string[]): Table {
  const fields = children(table, 'FIELD').map(fieldOf);
  const data = children(table, 'DATA')[0];
  const kind = data?.children[0];
  const get = kind ? reader(kind, fields, notes) : { count: 0, row: (): Cell[] => [] };
  return {
    columns: fields,
    rows: get.count,
    page: async (start, end) =>
      Array.from({ length: Math.max(0, Math.min(end, get.count) - start) }, (_, i) => get.row(start + i)),
    column: async index => Array.from({ length: get.count }, (_, row) => get.row(row)[index])
  };
}

interface RowReader {
  readonly count: number;
  row(index: number): Cell[];
}

function reader(kind: Element, fields: readonly VoField[], notes: string[]): RowReader {
  const form = local(kind);
  if (form === 'TABLEDATA') {
    const rows = children(kind, 'TR');
    return { count: rows.length, row: index => tableRow(children(rows[index], 'TD'), fields) };
  }
  const stream = children(kind, 'STREAM')[0];
  if (stream?.hasAttribute('href')) {
    throw new FileProblem(
      'Its data lie at another address, which is not followed.',
      'Fetch the table as one file.'
    );
  }
  if ((form !== 'BINARY' && form !== 'BINARY2') || (stream?.getAttribute('encoding') ?? 'base64') !== 'base64') {
    throw new FileProblem(
      `Its data are ${form}${stream?.getAttribute('encoding') ? ` (${stream.getAttribute('encoding')})` : ''}, which is not read here.`,
      'Read it in Python: astropy.table.QTable.read(path, format="votable").'
    );
  }
  const rows = voBinary(fromBase64(stream?.textContent ?? ''), fields, form === 'BINARY2');
  if (rows.cut) {
    notes.push(`Its last row is not whole: the file was cut short. ${FETCH_AGAIN}`);
  }
  return { count: rows.starts.length, row: rows.row };
}

function tableRow(cells: readonly Element[], fields: readonly VoField[]): Cell[] {
  return fields.map((field, i) => {
    const text = cells[i]?.textContent ?? '';
    if (NUMPY[field.datatype] === 'string') {
      return text;
    }
    const lean = text.trim();
    if (lean === '') {
      return null;
    }
    if (!field.array) {
      return field.blank !== '' && lean === field.blank ? null : textValue(field, lean);
    }
    return lean.split(/\s+/).map(part => textValue(field, part));
  });
}

/** A value of TABLEDATA; text that is none of its type is shown as it stands. */
function textValue(field: VoField, text: string): Cell {
  const hex = /^0x([0-9a-f]+)$/i.test(text) ? BigInt(text).toString() : text;
  const type = field.datatype === 'bit' ? 'int8' : NUMPY[field.datatype];
  return parseText(hex, type) ?? (/^[+-]inf$/i.test(text) ? Number(`${text[0]}Infinity`) : text);
}
