import { contextOf } from "../shared/dom.ts";
import type { SpaceData } from "./data.ts";
import { markOf, traceMark } from "./marks.ts";
import { DIMMED, type Drawing, LEAST_RIM, type Renderer, SELECTED } from "./renderer.ts";

/** Most points that a canvas draws without making anybody wait. */
export const MOST_PLAIN = 20_000;

/** The points on a plain canvas: where there is no WebGL2, or its context was taken away. Radii, opacities, rims and
 * lines are those of the graphics card; of more than 20,000 points a sample is drawn. */
export function openPlain(canvas: HTMLCanvasElement, data: SpaceData): Renderer {
  const context = contextOf(canvas);
  let flags: Uint8Array = new Uint8Array(data.count);
  let colors: Uint8Array = new Uint8Array(0);
  let ends: Uint32Array = new Uint32Array(0);
  let strong = 0;
  return {
    kind: "canvas",
    setFlags(bytes) {
      flags = bytes;
    },
    setPairs(pairs, from) {
      ends = pairs;
      strong = from;
    },
    setColors(bytes) {
      colors = bytes;
    },
    draw(drawing) {
      const place = placing(canvas, data, drawing);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.globalAlpha = 1;
      context.fillStyle = cssOf(drawing.paper);
      context.fillRect(0, 0, canvas.width, canvas.height);
      if (drawing.lines) drawLines(context, ends, strong, drawing, place);
      const step = Math.ceil(data.count / MOST_PLAIN);
      for (const group of drawing.selection ? [0, SELECTED] : [-1])
        for (let i = 0; i < data.count; i += step) {
          const code = data.codes[i];
          const hidden = !colors[4 * code + 3];
          if (hidden || (group >= 0 && (flags[i] & SELECTED) !== group)) continue;
          context.globalAlpha = alphaOf(drawing, group, code);
          const color = `rgb(${colors[4 * code]},${colors[4 * code + 1]},${colors[4 * code + 2]})`;
          drawPoint(context, drawing, place(i), markOf(code, !!data.texts[i]), color);
        }
      context.globalAlpha = 1;
    },
    close() {},
  };
}

const cssOf = (color: readonly number[]) => `rgb(${color.map((part) => Math.round(255 * part))})`;

function alphaOf({ alpha, spotlight }: Drawing, group: number, code: number): number {
  const own = group === 0 ? alpha * DIMMED : group === SELECTED ? 1 : alpha;
  return spotlight >= 0 && spotlight !== code ? own * DIMMED : own;
}

type Placing = (index: number) => [number, number];

/** Places of points in pixels of the canvas. */
function placing(canvas: HTMLCanvasElement, { maps, count }: SpaceData, drawing: Drawing): Placing {
  const { from, to, progress, center, stretch } = drawing;
  const unit = (index: number, axis: number) => {
    const at = ({ name, step }: Drawing["to"]) =>
      (maps.get(name)?.points[2 * (step * count + index) + axis] ?? 0) / 65535;
    return progress < 1 ? at(from) * (1 - progress) + at(to) * progress : at(to);
  };
  return (index) => [
    (((unit(index, 0) - center[0]) * stretch[0] + 1) / 2) * canvas.width,
    ((1 - (unit(index, 1) - center[1]) * stretch[1]) / 2) * canvas.height,
  ];
}

function drawLines(
  context: CanvasRenderingContext2D,
  ends: Uint32Array,
  strong: number,
  drawing: Drawing,
  place: Placing,
): void {
  context.strokeStyle = cssOf(drawing.line);
  context.lineWidth = 1;
  for (const [first, last, share] of [
    [0, strong, DIMMED],
    [strong, ends.length, 1],
  ]) {
    context.globalAlpha = drawing.lineAlpha * share;
    context.beginPath();
    for (let i = first; i < last; i += 2) {
      context.moveTo(...place(ends[i]));
      context.lineTo(...place(ends[i + 1]));
    }
    context.stroke();
  }
}

function drawPoint(
  context: CanvasRenderingContext2D,
  { radius, paper }: Drawing,
  [x, y]: [number, number],
  mark: number,
  color: string,
): void {
  context.beginPath();
  traceMark(context, mark, x, y, radius);
  context.fillStyle = radius > LEAST_RIM ? cssOf(paper) : color;
  context.fill();
  if (radius <= LEAST_RIM) return;
  context.beginPath();
  traceMark(context, mark, x, y, 0.8 * radius);
  context.fillStyle = color;
  context.fill();
}
