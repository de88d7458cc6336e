/** Draws a spectrum on a canvas: error band, line, axes and cross-hair. */
import type { Axis, Spectrum } from '../spectrum';
import { powerText, type Ticks, ticks } from './ticks';

export interface Window {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
}

export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Colours {
  readonly back: string;
  readonly text: string;
  readonly grid: string;
  readonly line: string;
}

const MARGIN = { right: 18, top: 14, bottom: 46 };
/** Room for the name of the flux, and for its numbers at least. */
const LEFT = 38;

/** Where the plot is; `numbers` is the width of the numbers at its left. */
export function frameOf(width: number, height: number, numbers: number): Frame {
  const left = Math.min(LEFT + Math.max(24, numbers), 0.4 * width);
  return {
    left,
    top: MARGIN.top,
    width: Math.max(20, width - left - MARGIN.right),
    height: Math.max(20, height - MARGIN.top - MARGIN.bottom)
  };
}

/** Index of the first value that is not below `wanted`. */
export function lowerBound(values: Float64Array, wanted: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Numbers at the axis of the flux. */
export function fluxTicks(window: Window, height: number): Ticks {
  return ticks(window.y0, window.y1, height / 60);
}

/** Lowest and highest flux between two pixels, with a margin. */
export function fluxRange(spectrum: Spectrum, from: number, to: number): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  let error = Infinity;
  for (let i = Math.max(0, from); i < Math.min(to, spectrum.y.length); i++) {
    const value = spectrum.y[i];
    if (Number.isFinite(value)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      const own = spectrum.error?.[i] ?? NaN;
      error = own > 0 ? Math.min(error, own) : error;
    }
  }
  if (low > high) {
    return [0, 1];
  }
  // Differences far below the error, or below what a float32 holds, are not worth zooming in on.
  const least = Math.max(error < Infinity ? 4 * error : 0, 1e-5 * Math.max(Math.abs(low), Math.abs(high)));
  const margin = Math.max(0.06 * (high - low), (least - (high - low)) / 2) || 1;
  return [low - margin, high + margin];
}

export class Scene {
  constructor(
    private readonly _context: CanvasRenderingContext2D,
    private readonly _frame: Frame,
    private readonly _window: Window,
    private readonly _colours: Colours
  ) {}

  x(value: number): number {
    const { x0, x1 } = this._window;
    return this._frame.left + ((value - x0) / (x1 - x0)) * this._frame.width;
  }

  y(value: number): number {
    const { y0, y1 } = this._window;
    return this._frame.top + (1 - (value - y0) / (y1 - y0)) * this._frame.height;
  }

  draw(spectrum: Spectrum, cursor: number | null): void {
    const context = this._context;
    const { left, top, width, height } = this._frame;
    context.save();
    context.fillStyle = this._colours.back;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    this._axes(spectrum.xAxis, spectrum.yAxis);
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    const from = Math.max(0, lowerBound(spectrum.x, this._window.x0) - 1);
    const to = Math.min(spectrum.x.length, lowerBound(spectrum.x, this._window.x1) + 2);
    if (spectrum.error) {
      this._band(spectrum, spectrum.error, from, to);
    }
    this._line(spectrum, from, to);
    if (cursor !== null) {
      this._cross(spectrum, cursor);
    }
    context.restore();
  }

  /** The line; of many pixels in one column of the screen the lowest and the highest. */
  private _line(spectrum: Spectrum, from: number, to: number): void {
    const context = this._context;
    context.strokeStyle = this._colours.line;
    context.lineWidth = 1.3;
    context.lineJoin = 'round';
    context.beginPath();
    let pen = false;
    this._columns(spectrum, from, to, (x, first, last, low, high) => {
      if (!Number.isFinite(low)) {
        pen = false;
        return;
      }
      pen ? context.lineTo(x, this.y(first)) : context.moveTo(x, this.y(first));
      if (high > low) {
        context.lineTo(x, this.y(low));
        context.lineTo(x, this.y(high));
        context.lineTo(x, this.y(last));
      } else if (!pen) {
        // A pixel between two gaps is a short stroke.
        context.lineTo(x + 0.8, this.y(last));
      }
      pen = true;
    });
    context.stroke();
  }

  private _band(spectrum: Spectrum, error: Float64Array, from: number, to: number): void {
    const context = this._context;
    context.fillStyle = this._colours.line;
    context.globalAlpha = 0.25;
    const { left, width } = this._frame;
    const dense = to - from > 2 * width;
    let [column, low, high] = [-Infinity, Infinity, -Infinity];
    let previous: [number, number, number] | null = null;
    for (let i = from; i < to; i++) {
      const [y, e] = [spectrum.y[i], error[i]];
      if (!Number.isFinite(y) || !Number.isFinite(e)) {
        previous = null;
        continue;
      }
      const x = this.x(spectrum.x[i]);
      const [top, bottom] = [this.y(y + Math.abs(e)), this.y(y - Math.abs(e))];
      if (!dense) {
        if (previous) {
          context.beginPath();
          context.moveTo(previous[0], previous[1]);
          context.lineTo(x, top);
          context.lineTo(x, bottom);
          context.lineTo(previous[0], previous[2]);
          context.fill();
        }
        previous = [x, top, bottom];
      } else if (Math.floor(x - left) === column) {
        [low, high] = [Math.min(low, top), Math.max(high, bottom)];
      } else {
        if (high > low) {
          context.fillRect(left + column, low, 1, high - low);
        }
        [column, low, high] = [Math.floor(x - left), top, bottom];
      }
    }
    context.globalAlpha = 1;
  }

  private _columns(
    spectrum: Spectrum, from: number, to: number,
    visit: (x: number, first: number, last: number, low: number, high: number) => void
  ): void {
    const dense = to - from > 3 * this._frame.width;
    let i = from;
    while (i < to) {
      const x = this.x(spectrum.x[i]);
      let [first, last, low, high] = [spectrum.y[i], spectrum.y[i], spectrum.y[i], spectrum.y[i]];
      i++;
      while (dense && i < to && this.x(spectrum.x[i]) < Math.floor(x) + 1) {
        const value = spectrum.y[i];
        if (Number.isFinite(value)) {
          first = Number.isFinite(first) ? first : value;
          last = value;
          low = Number.isFinite(low) ? Math.min(low, value) : value;
          high = Number.isFinite(high) ? Math.max(high, value) : value;
        }
        i++;
      }
      visit(x, first, last, low, high);
    }
  }

  private _cross(spectrum: Spectrum, index: number): void {
    const context = this._context;
    const { left, top, width, height } = this._frame;
    const x = this.x(spectrum.x[index]);
    context.strokeStyle = this._colours.text;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    const value = spectrum.y[index];
    if (Number.isFinite(value)) {
      context.moveTo(left, this.y(value));
      context.lineTo(left + width, this.y(value));
    }
    context.stroke();
    context.setLineDash([]);
    if (Number.isFinite(value)) {
      context.fillStyle = this._colours.text;
      context.beginPath();
      context.arc(x, this.y(value), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  private _axes(xAxis: Axis, yAxis: Axis): void {
    const context = this._context;
    const { left, top, width, height } = this._frame;
    const { x0, x1 } = this._window;
    const [xs, ys] = [ticks(x0, x1, width / 110), fluxTicks(this._window, height)];
    context.strokeStyle = this._colours.grid;
    context.fillStyle = this._colours.text;
    context.lineWidth = 1;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    xs.places.forEach((place, i) => {
      const x = Math.round(this.x(place)) + 0.5;
      this._stroke(x, top, x, top + height);
      context.fillText(xs.labels[i], x, top + height + 6);
    });
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    ys.places.forEach((place, i) => {
      const y = Math.round(this.y(place)) + 0.5;
      this._stroke(left, y, left + width, y);
      context.fillText(ys.labels[i], left - 7, y);
    });
    context.strokeStyle = this._colours.text;
    context.strokeRect(left + 0.5, top + 0.5, width, height);
    context.textAlign = 'center';
    context.textBaseline = 'bottom';
    context.fillText(axisText(xAxis, xs.power), left + width / 2, top + height + MARGIN.bottom - 4, width);
    context.save();
    context.translate(4, top + height / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = 'top';
    context.fillText(axisText(yAxis, ys.power), 0, 0, height);
    context.restore();
  }

  private _stroke(x0: number, y0: number, x1: number, y1: number): void {
    this._context.beginPath();
    this._context.moveTo(x0, y0);
    this._context.lineTo(x1, y1);
    this._context.stroke();
  }
}

export function axisText(axis: Axis, power = 0): string {
  const unit = [powerText(power), axis.unit].filter(Boolean).join(' ');
  return unit ? `${axis.name} [${unit}]` : axis.name;
}
