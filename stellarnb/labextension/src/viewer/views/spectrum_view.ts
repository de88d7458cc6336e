/** The spectra of a part, one at a time. */
import { words } from '../model';
import type { Spectra } from '../spectrum';
import { button, element, uniqueId } from './dom';
import { Plot } from './plot';

export class SpectrumView {
  readonly node = element('div', { class: 'jp-stellarnb-Viewer-spectrum' });
  private readonly _plot = new Plot();
  private readonly _title = element('span', { class: 'jp-stellarnb-Viewer-title', role: 'status' });
  private readonly _number = element('input', { type: 'number', min: '1', id: uniqueId() });
  private _asked = 0;

  constructor(private readonly _spectra: Spectra) {
    const bar = element('div', { class: 'jp-stellarnb-Viewer-bar' });
    if (_spectra.count > 1) {
      this._number.max = String(_spectra.count);
      this._number.addEventListener('change', () => void this.open(Number(this._number.value) - 1));
      const step = (by: number): void => void this.open(Number(this._number.value) - 1 + by);
      bar.append(
        button('Previous', () => step(-1)), button('Next', () => step(1)),
        element('label', { for: this._number.id }, 'Spectrum'), this._number,
        element('span', {}, `of ${_spectra.count.toLocaleString('en')}`)
      );
    }
    bar.append(this._title);
    this.node.append(bar, this._plot.node);
  }

  async open(index = 0): Promise<void> {
    const at = Math.max(0, Math.min(this._spectra.count - 1, Number.isFinite(index) ? Math.floor(index) : 0));
    const asked = ++this._asked;
    this._number.value = String(at + 1);
    try {
      const spectrum = await this._spectra.get(at);
      if (asked === this._asked) {
        const drawn = spectrum.y.some(Number.isFinite);
        const title = spectrum.title || this._spectra.label(at);
        this._title.textContent = drawn ? title : `${title || 'This spectrum'}: every pixel is without a value.`;
        this._plot.show({ ...spectrum, title });
      }
    } catch (error) {
      this._title.textContent = words(error);
    }
  }

  dispose(): void {
    this._plot.dispose();
  }
}
