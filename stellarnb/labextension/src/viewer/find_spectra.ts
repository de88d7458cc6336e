/** Find the spectra of a part of a file, in its image or its table. */
import type { Content, DataFile, Part } from './model';
import type { Spectra } from './spectrum';
import { imageSpectra } from './spectrum_image';
import { tableSpectra } from './spectrum_table';

/** Find the spectra of a part; return null if it holds none. */
export async function spectraOf(file: DataFile, part: Part, content: Content): Promise<Spectra | null> {
  if (content.image) {
    return imageSpectra(file, part, content.image);
  }
  return content.table ? tableSpectra(part, content.table) : null;
}
