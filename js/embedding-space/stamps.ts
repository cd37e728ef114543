import { contextOf, make } from "../shared/dom.ts";
import type { SpaceData } from "./data.ts";
import { MARKS, markOf, REACH } from "./marks.ts";
import { masksOf } from "./masks.ts";
import type { Ink, Placing } from "./plain.ts";
import { type Drawing, LEAST_RADIUS, LEAST_RIM } from "./renderer.ts";

/** Side of the square of pixels that a mark too small for a shape may touch. */
const SMALLEST = 3;

/** A graphics card makes no point smaller than a pixel. */
const LEAST_SQUARE = 0.5;

/** Puts a mark on the picture. */
type Stamp = (index: number, x: number, y: number) => void;

/** Stamps marks into a canvas's bytes: the outlines of a million points take it ten seconds, stamps a few hundredths of
 * one. A shape lies on whole pixels; where there are so many, nobody sees the half that it is off. */
export function openStamps(context: CanvasRenderingContext2D, data: SpaceData) {
  const pen = contextOf(make("canvas"), true);
  return (drawing: Drawing, drawn: (index: number) => boolean, place: Placing, inks: Ink[]): void => {
    const { radius, passes, stride } = drawing;
    const { width, height } = context.canvas;
    const side = radius < LEAST_RADIUS ? SMALLEST : Math.round(2 * radius * REACH);
    const reach = side / 2 + 1;
    const margin = side + 2; // no mark has to be clipped: what lies beyond the picture is thrown away
    const image = context.getImageData(-margin, -margin, width + 2 * margin, height + 2 * margin);
    const stamp =
      radius < LEAST_RADIUS
        ? squareStamp(image, Math.max(LEAST_SQUARE, radius), data, inks)
        : maskStamp(image, side, masksOf(pen, side), drawing, data, inks);
    // Interleaved passes, as on the graphics card: no class lies on top of the others only because it came last.
    for (let pass = 0; pass < Math.min(passes, data.count); pass++)
      for (let i = pass; i < data.count; i += stride) {
        if (!drawn(i)) continue;
        const [x, y] = [place(i, 0), place(i, 1)];
        if (x < -reach || y < -reach || x > width + reach || y > height + reach) continue;
        stamp(i, x + margin, y + margin);
      }
    context.putImageData(image, -margin, -margin);
  };
}

/** Fills the pixels whose middle lies within a square, as a graphics card does. */
function squareStamp(
  { data: pixels, width }: ImageData,
  half: number,
  { codes }: SpaceData,
  inks: Ink[],
): Stamp {
  return (index, x, y) => {
    const { color, alpha } = inks[codes[index]];
    const [left, right] = [Math.ceil(x - half - 0.5), Math.ceil(x + half - 0.5)];
    const [top, bottom] = [Math.ceil(y - half - 0.5), Math.ceil(y + half - 0.5)];
    for (let row = top; row < bottom; row++)
      for (let at = 4 * (row * width + left); at < 4 * (row * width + right); at += 4) {
        pixels[at] += (color[0] - pixels[at]) * alpha;
        pixels[at + 1] += (color[1] - pixels[at + 1]) * alpha;
        pixels[at + 2] += (color[2] - pixels[at + 2]) * alpha;
      }
  };
}

/** Lays a mark's mask over the picture: its rim in the paper's colour, its inside in that of the class. */
function maskStamp(
  { data: pixels, width }: ImageData,
  side: number,
  masks: Uint8Array,
  { radius, paper }: Drawing,
  { codes, texts }: SpaceData,
  inks: Ink[],
): Stamp {
  const rimmed = radius > LEAST_RIM;
  const rim = paper.map((part) => 255 * part);
  const covered = MARKS.map((_, mark) => coveredBy(masks, mark, side));
  return (index, x, y) => {
    const { color, alpha } = inks[codes[index]];
    const corner = Math.round(y - side / 2) * width + Math.round(x - side / 2);
    for (const { row, column, whole, inside } of covered[markOf(codes[index], !!texts[index])]) {
      const at = 4 * (corner + row * width + column);
      for (let part = 0; part < 3; part++) {
        const ink = rimmed ? rim[part] + (color[part] - rim[part]) * inside : color[part];
        pixels[at + part] += (ink - pixels[at + part]) * alpha * whole;
      }
    }
  };
}

/** The pixels of a mark's mask that are not empty: the mark's share of each, and the share of the mark within its rim. */
function coveredBy(masks: Uint8Array, mark: number, side: number) {
  const found: { row: number; column: number; whole: number; inside: number }[] = [];
  for (let pixel = 0; pixel < side * side; pixel++) {
    const at = 4 * (mark * side * side + pixel);
    const [whole, inside] = [masks[at] / 255, masks[at + 1] / 255];
    if (whole) found.push({ row: Math.floor(pixel / side), column: pixel % side, whole, inside });
  }
  return found;
}
