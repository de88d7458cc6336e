/** FITS files: their header-data units, whole, in part or cut short. */
import type { Content, DataFile, Image, Part, Source } from '../model';
import { FETCH_AGAIN, FileProblem, words } from '../model';
import { asciiTable } from './fits_ascii';
import { BLOCK, type Header, readHeader } from './fits_header';
import { binaryTable } from './fits_table';

/** Most header-data units that are looked at. */
const MOST_HDUS = 200;

interface Extent {
  readonly start: number;
  /** Bytes that the header announces, without the filling of the last block. */
  readonly announced: number;
  /** Bytes that are there. */
  readonly there: number;
}

/** Read the headers of a FITS file; what they announce is checked against its length. */
export async function readFits(source: Source): Promise<DataFile> {
  const parts: Part[] = [];
  const notes: string[] = [];
  let at = 0;
  while (at < source.size && parts.length < MOST_HDUS) {
    let header: Header;
    let start: number;
    let announced: number;
    try {
      [header, start] = await readHeader(source, at);
      checkKind(header, parts.length);
      announced = dataSize(header, parts.length);
    } catch (error) {
      if (parts.length === 0) {
        throw error;
      }
      notes.push(`What follows HDU ${parts.length - 1} could not be read. ${words(error)}`);
      break;
    }
    const there = Math.max(0, Math.min(announced, source.size - start));
    parts.push(fitsPart(source, header, parts.length, { start, announced, there }));
    at = start + Math.ceil(announced / BLOCK) * BLOCK;
    if (start > source.size) {
      notes.push(`The file was cut short within the header of HDU ${parts.length - 1}. ${FETCH_AGAIN}`);
    }
  }
  if (parts.length === MOST_HDUS && at < source.size) {
    notes.push(`Only the first ${MOST_HDUS} HDUs are shown.`);
  }
  return { format: 'FITS', parts, notes };
}

function checkKind(header: Header, index: number): void {
  const right = index === 0 ? header.get('SIMPLE') !== undefined : header.text('XTENSION') !== '';
  if (!right) {
    const key = index === 0 ? 'SIMPLE' : 'XTENSION';
    throw new FileProblem(`HDU ${index} does not begin with ${key}: the file is damaged.`, FETCH_AGAIN);
  }
}

function dataSize(header: Header, index: number): number {
  const axes = header.count('NAXIS');
  const bits = header.count('BITPIX');
  if (axes < 0 || axes > 999 || ![8, 16, 32, 64, -32, -64].includes(bits)) {
    throw new FileProblem(
      `HDU ${index} announces BITPIX ${bits} and NAXIS ${axes}, which FITS does not know.`,
      FETCH_AGAIN
    );
  }
  let pixels = axes > 0 ? 1 : 0;
  for (let axis = 1; axis <= axes; axis++) {
    const length = header.count(`NAXIS${axis}`);
    // Random groups have a first axis of no length.
    pixels *= axis === 1 && length === 0 && header.get('GROUPS') === true ? 1 : length;
  }
  const groups = header.count('GCOUNT', 1);
  const size = (Math.abs(bits) / 8) * groups * (header.count('PCOUNT') + pixels);
  if (size < 0 || !Number.isSafeInteger(size)) {
    throw new FileProblem(`HDU ${index} announces ${size} bytes of data: its header is damaged.`, FETCH_AGAIN);
  }
  return size;
}

function fitsPart(source: Source, header: Header, index: number, extent: Extent): Part {
  const name = header.text('EXTNAME') || (index === 0 ? 'PRIMARY' : '');
  const kind = index === 0 ? 'IMAGE' : header.text('XTENSION');
  return {
    title: `${index}${name ? ` ${name}` : ''}: ${describe(header, kind)}`,
    cards: header.cards,
    keyword: key => header.get(key),
    open: async () => openPart(source, header, kind, extent)
  };
}

function describe(header: Header, kind: string): string {
  if (kind === 'BINTABLE' || kind === 'TABLE') {
    return `table, ${header.text('NAXIS2')} rows`;
  }
  const axes = header.count('NAXIS');
  const lengths = Array.from({ length: axes }, (_, i) => header.text(`NAXIS${i + 1}`));
  return axes === 0 ? 'no data' : `image, ${lengths.join(' × ')}`;
}

function openPart(source: Source, header: Header, kind: string, extent: Extent): Content {
  const notes: string[] = [];
  if (extent.there < extent.announced) {
    notes.push(
      `The file was cut short: this HDU announces ${extent.announced.toLocaleString('en')} bytes and ` +
        `${extent.there.toLocaleString('en')} are there. What is whole is shown. ${FETCH_AGAIN}`
    );
  }
  const size = extent.there;
  if (kind === 'BINTABLE') {
    if (header.get('ZIMAGE') === true) {
      notes.push(
        'This is a compressed image, shown as the table of its packed tiles. ' +
          'astropy.io.fits.open unpacks it.'
      );
    }
    return { table: binaryTable(source, header, extent.start, size, notes), notes };
  }
  if (kind === 'TABLE') {
    return { table: asciiTable(source, header, extent.start, size), notes };
  }
  const axes = header.count('NAXIS');
  if (kind !== 'IMAGE') {
    notes.push(`An extension of kind ${kind} is not shown; its header is.`);
  } else if (axes > 2) {
    notes.push(`An image of ${axes} axes is not drawn; its header is shown.`);
  } else if (axes > 0 && header.get('GROUPS') !== true) {
    const image = fitsImage(source, header, extent.start, size);
    if (image.height < header.count('NAXIS2', 1)) {
      notes.push(`Of its ${header.count('NAXIS2')} rows ${image.height} are whole.`);
    }
    return image.width && image.height ? { image, notes } : { notes };
  }
  return { notes };
}

function fitsImage(source: Source, header: Header, start: number, size: number): Image {
  const bits = header.count('BITPIX');
  const bytes = Math.abs(bits) / 8;
  const scale = header.number('BSCALE') ?? 1;
  const zero = header.number('BZERO') ?? 0;
  const blank = bits > 0 ? header.number('BLANK') : undefined;
  const oneRow = header.count('NAXIS') === 1;
  // Of a row that was cut short, what is there can still be drawn.
  const width = oneRow ? Math.min(header.count('NAXIS1'), Math.floor(size / bytes)) : header.count('NAXIS1');
  const height = oneRow ? 1 : width ? Math.min(header.count('NAXIS2'), Math.floor(size / (width * bytes))) : 0;
  const reader = pixelReader(bits);
  return {
    width,
    height,
    row: async index => {
      const from = start + index * width * bytes;
      const data = await source.slice(from, from + width * bytes);
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const out = new Float64Array(width);
      for (let i = 0; i < width; i++) {
        const raw = reader(view, i * bytes);
        out[i] = raw === blank ? NaN : raw * scale + zero;
      }
      return out;
    }
  };
}

function pixelReader(bits: number): (view: DataView, at: number) => number {
  switch (bits) {
    case 8:
      return (view, at) => view.getUint8(at);
    case 16:
      return (view, at) => view.getInt16(at);
    case 32:
      return (view, at) => view.getInt32(at);
    case 64:
      return (view, at) => Number(view.getBigInt64(at));
    case -32:
      return (view, at) => view.getFloat32(at);
    default:
      return (view, at) => view.getFloat64(at);
  }
}

