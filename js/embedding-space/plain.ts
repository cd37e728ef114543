import { contextOf } from "../shared/dom.ts";
import type { SpaceData } from "./data.ts";
import { markOf, REACH, traceMark } from "./marks.ts";
import { DIMMED, type Drawing, LEAST_RADIUS, LEAST_RIM, type Renderer, SELECTED } from "./renderer.ts";
import { openStamps } from "./stamps.ts";

/** Most marks whose outlines a canvas fills without making anybody wait: at rest, and while they move. */
const MOST_TRACED = 20_000;
const MOST_MOVING = 3_000;

/** The points on a plain canvas: where there is no WebGL2, where a processor only plays a graphics card, or where its
 * context was taken away. Radii, opacities, rims and lines are those of the graphics card. */
export function openPlain(canvas: HTMLCanvasElement, data: SpaceData): Renderer {
  const context = contextOf(canvas, true);
  const stamp = openStamps(context, data);
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
      const sampled = drawing.passes < drawing.stride;
      const most = sampled ? MOST_MOVING : MOST_TRACED;
      const few =
        drawing.radius < LEAST_RADIUS
          ? null
          : inView(canvas, data.count, place, drawing.radius * REACH, most);
      const groups = (drawing.selection ? [0, SELECTED] : [-1]).map((group) => {
        const inks = inksOf(colors, drawing, group);
        const drawn = (i: number) =>
          inks[data.codes[i]].alpha > 0 && (group < 0 || (flags[i] & SELECTED) === group);
        return { inks, drawn };
      });
      if (!few) stamp(drawing, place, groups);
      else
        for (const { inks, drawn } of groups)
          traceMarks(context, data, drawing, few.filter(drawn), place, inks);
      return few || !sampled ? data.count : Math.ceil(data.count / drawing.stride);
    },
    close() {},
  };
}

/** What the points of a class are drawn with; opacity 0 hides them. */
export interface Ink {
  color: [number, number, number];
  alpha: number;
}

function inksOf(colors: Uint8Array, { alpha, spotlight }: Drawing, group: number): Ink[] {
  const own = group === 0 ? alpha * DIMMED : group === SELECTED ? 1 : alpha;
  return Array.from({ length: colors.length / 4 }, (_, code) => {
    const [red, green, blue, shown] = colors.subarray(4 * code, 4 * code + 4);
    const share = spotlight >= 0 && spotlight !== code ? DIMMED : 1;
    return { color: [red, green, blue], alpha: shown ? own * share : 0 };
  });
}

/** Coordinate of a point in pixels of the canvas: 0 across, 1 down. */
export type Placing = (index: number, axis: 0 | 1) => number;

function placing(canvas: HTMLCanvasElement, { maps, count }: SpaceData, drawing: Drawing): Placing {
  const { from, to, progress, center, stretch } = drawing;
  const pointsOf = ({ name, step }: Drawing["to"]) =>
    maps.get(name)?.points.subarray(2 * step * count) ?? new Uint16Array(2 * count);
  const [before, now] = [pointsOf(from), pointsOf(to)];
  const half = [canvas.width / 2, canvas.height / 2];
  const scale = [(stretch[0] * half[0]) / 65535, (-stretch[1] * half[1]) / 65535];
  const shift = [(1 - center[0] * stretch[0]) * half[0], (1 + center[1] * stretch[1]) * half[1]];
  return (index, axis) => {
    const at = 2 * index + axis;
    const unit = progress < 1 ? before[at] * (1 - progress) + now[at] * progress : now[at];
    return shift[axis] + scale[axis] * unit;
  };
}

/** The points within the picture; null where there are more than `most`. */
function inView(
  { width, height }: HTMLCanvasElement,
  count: number,
  place: Placing,
  margin: number,
  most: number,
) {
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const [x, y] = [place(i, 0), place(i, 1)];
    if (x < -margin || y < -margin || x > width + margin || y > height + margin) continue;
    if (found.push(i) > most) return null;
  }
  return found;
}

const cssOf = (color: readonly number[]) => `rgb(${color.map((part) => Math.round(255 * part))})`;

function traceMarks(
  context: CanvasRenderingContext2D,
  { codes, texts }: SpaceData,
  drawing: Drawing,
  points: number[],
  place: Placing,
  inks: Ink[],
): void {
  for (const i of points) {
    const { color, alpha } = inks[codes[i]];
    context.globalAlpha = alpha;
    traceOne(context, drawing, [place(i, 0), place(i, 1)], markOf(codes[i], !!texts[i]), `rgb(${color})`);
  }
  context.globalAlpha = 1;
}

function traceOne(
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
      context.moveTo(place(ends[i], 0), place(ends[i], 1));
      context.lineTo(place(ends[i + 1], 0), place(ends[i + 1], 1));
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}
