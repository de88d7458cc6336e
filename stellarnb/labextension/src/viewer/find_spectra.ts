/** Find the spectra in a part of a file. */
import type { Content, DataFile, Part } from './model';
import type { Spectra } from './spectrum';
import { imageSpectra } from './spectrum_image';
import { tableSpectra } from './spectrum_table';

/** Return the spectra of a part of a file, or null if it has none. */
export async function spectraOf(file: DataFile, part: Part, content: Content): Promise<Spectra | null> {
  if (content.image) {
    return imageSpectra(file, part, content.image);
  }
  return content.table ? tableSpectra(part, content.table) : null;
}
