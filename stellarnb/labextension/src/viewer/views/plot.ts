/** The plot of a spectrum: zoom, pan and read-out by mouse and keyboard. */
import type { Spectrum } from '../spectrum';
import { button, element, uniqueId } from './dom';
import { axisText, type Colours, type Frame, frameOf, fluxRange, fluxTicks, lowerBound, Scene, type Window } from './plot_scene';

/** Fewest pixels of the spectrum in view, however far one zooms in. */
const FEWEST = 3;
const KEYS = 'Arrow keys move the read-out, with Shift the view; plus and minus zoom, Home shows all.';

export class Plot {
  readonly node = element('div', { class: 'jp-stellarnb-Viewer-plot' });
  private _spectrum: Spectrum | null = null;
  private _range: [number, number] = [0, 1];
  /** Range of the flux that the user chose; null follows what is in view. */
  private _flux: [number, number] | null = null;
  private _cursor: number | null = null;
  private _drag: { x: number; y: number; window: Window } | null = null;
  private _pending = 0;
  /** Width of the widest number at the axis of the flux. */
  private _numbers = 0;
  private readonly _canvas = element('canvas', { role: 'img' });
  private readonly _box = element('div', { class: 'jp-stellarnb-Viewer-canvas', tabindex: '0', role: 'group' });
  private readonly _readout = element('output', { class: 'jp-stellarnb-Viewer-readout' });
  private readonly _observers: { disconnect(): void }[] = [];

  constructor() {
    const help = element('span', { class: 'jp-stellarnb-Viewer-hint', id: uniqueId() },
      `Wheel: zoom; with Shift: flux. Drag: move. ${KEYS}`);
    this._box.setAttribute('aria-describedby', help.id);
    this._box.append(this._canvas);
    const bar = element('div', { class: 'jp-stellarnb-Viewer-bar' },
      button('Zoom in', () => this._zoom(0.5)), button('Zoom out', () => this._zoom(2)),
      button('Show all', () => this.reset()), this._readout);
    this.node.append(bar, this._box, help);
    this._listen();
    const resize = new ResizeObserver(() => this._redraw());
    resize.observe(this._box);
    const theme = new MutationObserver(() => this._redraw());
    theme.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light'] });
    this._observers.push(resize, theme);
  }

  dispose(): void {
    this._observers.forEach(observer => observer.disconnect());
    cancelAnimationFrame(this._pending);
  }

  show(spectrum: Spectrum): void {
    const before = this._spectrum;
    // Stepping through stars on one grid keeps the view.
    const same = before && before.x.length === spectrum.x.length && before.x[0] === spectrum.x[0] &&
      before.xAxis.name === spectrum.xAxis.name;
    this._spectrum = spectrum;
    const { x } = spectrum;
    const name = `Spectrum${spectrum.title ? ` of ${spectrum.title}` : ''}: ${axisText(spectrum.yAxis)} against ` +
      `${axisText(spectrum.xAxis)}, ${x.length} pixels${spectrum.error ? ', with its errors as a band' : ''}`;
    this._canvas.setAttribute('aria-label', name);
    this._box.setAttribute('aria-label', 'Plot of the spectrum');
    if (same) {
      this._redraw();
    } else {
      this.reset();
    }
    this._tell();
  }

  reset(): void {
    const x = this._spectrum?.x ?? new Float64Array([0, 1]);
    const [low, high] = [x[0] ?? 0, x[x.length - 1] ?? 1];
    this._range = high > low ? [low, high] : [low - 1, high + 1];
    this._flux = null;
    this._redraw();
  }

  private get _frame(): Frame {
    return frameOf(this._box.clientWidth, this._box.clientHeight, this._numbers);
  }

  private _window(): Window {
    const spectrum = this._spectrum;
    const [x0, x1] = this._range;
    const [y0, y1] = this._flux ?? (spectrum
      ? fluxRange(spectrum, lowerBound(spectrum.x, x0) - 1, lowerBound(spectrum.x, x1) + 1)
      : [0, 1]);
    return { x0, x1, y0, y1 };
  }

  private _redraw(): void {
    cancelAnimationFrame(this._pending);
    this._pending = requestAnimationFrame(() => this._draw());
  }

  private _draw(): void {
    const [width, height] = [this._box.clientWidth, this._box.clientHeight];
    const context = this._canvas.getContext('2d');
    if (!this._spectrum || !context || width < 10 || height < 10) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    this._canvas.width = Math.round(width * ratio);
    this._canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(this._box);
    context.font = `${style.getPropertyValue('--jp-ui-font-size1') || '13px'} ${style.fontFamily}`;
    const view = this._window();
    const labels = fluxTicks(view, this._frame.height).labels;
    this._numbers = Math.max(0, ...labels.map(label => context.measureText(label).width));
    new Scene(context, this._frame, view, colours(style)).draw(this._spectrum, this._cursor);
  }

  /** Zoom by a factor about a place from 0 (left) to 1 (right). */
  private _zoom(factor: number, at = 0.5): void {
    const [low, high] = this._range;
    const middle = low + at * (high - low);
    this._setRange(middle - (middle - low) * factor, middle + (high - middle) * factor);
  }

  private _setRange(low: number, high: number): void {
    const x = this._spectrum?.x;
    if (!x || x.length < 2) {
      return;
    }
    const [first, last] = [x[0], x[x.length - 1]];
    const all = last - first;
    const least = Math.min(all, (FEWEST * all) / x.length);
    const span = Math.min(all, Math.max(least, high - low));
    const middle = (low + high) / 2;
    const start = Math.min(Math.max(middle - span / 2, first), last - span);
    this._range = [start, start + span];
    this._redraw();
  }

  private _zoomFlux(factor: number, at: number): void {
    const { y0, y1 } = this._window();
    const middle = y1 - at * (y1 - y0);
    this._flux = [middle - (middle - y0) * factor, middle + (y1 - middle) * factor];
    this._redraw();
  }

  private _listen(): void {
    const box = this._box;
    box.addEventListener('wheel', event => {
      event.preventDefault();
      const frame = this._frame;
      const factor = 1.0015 ** Math.max(-400, Math.min(400, event.deltaY || event.deltaX));
      if (event.shiftKey) {
        this._zoomFlux(factor, (event.offsetY - frame.top) / frame.height);
      } else {
        this._zoom(factor, Math.min(1, Math.max(0, (event.offsetX - frame.left) / frame.width)));
      }
    }, { passive: false });
    box.addEventListener('pointerdown', event => {
      if (event.button === 0) {
        this._drag = { x: event.offsetX, y: event.offsetY, window: this._window() };
        box.setPointerCapture(event.pointerId);
      }
    });
    box.addEventListener('pointerup', () => (this._drag = null));
    box.addEventListener('pointercancel', () => (this._drag = null));
    box.addEventListener('pointermove', event => this._move(event));
    box.addEventListener('pointerleave', () => this._point(null));
    box.addEventListener('dblclick', () => this.reset());
    box.addEventListener('keydown', event => this._key(event));
  }

  private _move(event: PointerEvent): void {
    const frame = this._frame;
    const { x0, x1 } = this._window();
    if (this._drag) {
      const { x, y, window: from } = this._drag;
      const shift = ((event.offsetX - x) / frame.width) * (from.x1 - from.x0);
      this._setRange(from.x0 - shift, from.x1 - shift);
      if (this._flux) {
        const up = ((event.offsetY - y) / frame.height) * (from.y1 - from.y0);
        this._flux = [from.y0 + up, from.y1 + up];
      }
      return;
    }
    this._point(this._nearest(x0 + ((event.offsetX - frame.left) / frame.width) * (x1 - x0)));
  }

  private _nearest(wanted: number): number | null {
    const x = this._spectrum?.x;
    if (!x?.length) {
      return null;
    }
    const index = Math.min(x.length - 1, lowerBound(x, wanted));
    return index > 0 && wanted - x[index - 1] < x[index] - wanted ? index - 1 : index;
  }

  private _point(index: number | null): void {
    if (index !== this._cursor) {
      this._cursor = index;
      this._tell();
      this._redraw();
    }
  }

  private _tell(): void {
    const spectrum = this._spectrum;
    const index = this._cursor;
    if (!spectrum || index === null || index >= spectrum.x.length) {
      this._cursor = null;
      this._readout.textContent = spectrum ? `${spectrum.x.length.toLocaleString('en')} pixels` : '';
      return;
    }
    const short = (value: number): string => Number(value.toPrecision(6)).toString();
    const value = spectrum.y[index];
    const error = spectrum.error ? ` ± ${short(spectrum.error[index])}` : '';
    const flux = Number.isFinite(value) ? `${short(value)}${error}` : 'no value';
    this._readout.textContent = `${spectrum.xAxis.name} ${Number(spectrum.x[index].toPrecision(9))} ${spectrum.xAxis.unit}, ` +
      `${spectrum.yAxis.name} ${flux} ${spectrum.yAxis.unit}`;
  }

  private _key(event: KeyboardEvent): void {
    const length = this._spectrum?.x.length ?? 0;
    const [low, high] = this._range;
    const step = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (step && event.shiftKey) {
      this._setRange(low + step * 0.2 * (high - low), high + step * 0.2 * (high - low));
    } else if (step) {
      const middle = this._cursor ?? this._nearest((low + high) / 2) ?? 0;
      this._point(Math.max(0, Math.min(length - 1, middle + step)));
      this._keepInView();
    } else if (event.key === '+' || event.key === '=') {
      this._zoom(0.5, this._cursorPlace());
    } else if (event.key === '-') {
      this._zoom(2, this._cursorPlace());
    } else if (event.key === 'Home') {
      this.reset();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private _cursorPlace(): number {
    const [low, high] = this._range;
    const x = this._cursor === null ? NaN : (this._spectrum?.x[this._cursor] ?? NaN);
    return x >= low && x <= high ? (x - low) / (high - low) : 0.5;
  }

  private _keepInView(): void {
    const [low, high] = this._range;
    const x = this._cursor === null ? NaN : (this._spectrum?.x[this._cursor] ?? NaN);
    if (x < low || x > high) {
      this._setRange(x - (high - low) / 2, x + (high - low) / 2);
    }
  }
}

function colours(style: CSSStyleDeclaration): Colours {
  const variable = (name: string, otherwise: string): string => style.getPropertyValue(name).trim() || otherwise;
  return {
    back: variable('--jp-layout-color0', '#fff'),
    text: variable('--jp-ui-font-color1', '#222'),
    grid: variable('--jp-border-color2', '#ddd'),
    line: variable('--jp-brand-color1', '#1976d2')
  };
}
