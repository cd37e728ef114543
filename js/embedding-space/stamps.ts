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

/** Points that are drawn alike. */
export interface Group {
  drawn: (index: number) => boolean;
  /** By class. */
  inks: Ink[];
}

/** Stamps marks into a canvas's bytes: the outlines of a million points take it ten seconds, stamps a few hundredths of
 * one. A shape lies on whole pixels; where there are so many, nobody sees the half that it is off. */
export function openStamps(context: CanvasRenderingContext2D, data: SpaceData) {
  const pen = contextOf(make("canvas"), true);
  let image = new ImageData(1, 1);
  return (drawing: Drawing, place: Placing, groups: Group[]): void => {
    const { radius, passes, stride } = drawing;
    const { width, height } = context.canvas;
    const side = radius < LEAST_RADIUS ? SMALLEST : Math.round(2 * radius * REACH);
    const reach = side / 2 + 1;
    const margin = side + 2; // no mark has to be clipped: what lies beyond the picture is thrown away
    image = sheetOf(context, image, drawing, margin);
    const masks = radius < LEAST_RADIUS ? null : masksOf(pen, side);
    for (const { drawn, inks } of groups) {
      const stamp = masks
        ? maskStamp(image, side, masks, drawing, data, inks)
        : squareStamp(image, Math.max(LEAST_SQUARE, radius), data, inks);
      // Interleaved passes, as on the graphics card: no class lies on top of the others only because it came last.
      for (let pass = 0; pass < Math.min(passes, data.count); pass++)
        for (let i = pass; i < data.count; i += stride) {
          if (!drawn(i)) continue;
          const [x, y] = [place(i, 0), place(i, 1)];
          if (x < -reach || y < -reach || x > width + reach || y > height + reach) continue;
          stamp(i, x + margin, y + margin);
        }
    }
    context.putImageData(image, -margin, -margin);
  };
}

/** The picture as it is before the points, with a margin; `last` is taken again if it has the size. */
function sheetOf(
  context: CanvasRenderingContext2D,
  last: ImageData,
  { lines, paper }: Drawing,
  margin: number,
): ImageData {
  const width = context.canvas.width + 2 * margin;
  const height = context.canvas.height + 2 * margin;
  if (lines) return context.getImageData(-margin, -margin, width, height);
  const sheet = last.width === width && last.height === height ? last : new ImageData(width, height);
  const [red, green, blue] = paper.map((part) => Math.round(255 * part));
  new Uint32Array(sheet.data.buffer).fill((255 << 24) | (blue << 16) | (green << 8) | red);
  return sheet;
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
  const [red, green, blue] = paper.map((part) => 255 * part);
  const covered = MARKS.map((_, mark) => coveredBy(masks, mark, side, width));
  return (index, x, y) => {
    const { color, alpha } = inks[codes[index]];
    const { offsets, whole, inside } = covered[markOf(codes[index], !!texts[index])];
    const corner = 4 * (Math.round(y - side / 2) * width + Math.round(x - side / 2));
    for (let k = 0; k < offsets.length; k++) {
      const at = corner + offsets[k];
      const share = alpha * whole[k];
      const within = rimmed ? inside[k] : 1;
      pixels[at] += (red + (color[0] - red) * within - pixels[at]) * share;
      pixels[at + 1] += (green + (color[1] - green) * within - pixels[at + 1]) * share;
      pixels[at + 2] += (blue + (color[2] - blue) * within - pixels[at + 2]) * share;
    }
  };
}

/** The pixels of a mark's mask that are not empty: how far they are from its corner in a picture's bytes, how much of
 * each is covered by the mark, and how much of it by the mark within its rim. */
function coveredBy(masks: Uint8Array, mark: number, side: number, width: number) {
  const first = mark * side * side;
  const found = Array.from({ length: side * side }, (_, pixel) => pixel).filter(
    (pixel) => masks[4 * (first + pixel)],
  );
  return {
    offsets: Int32Array.from(found, (pixel) => 4 * (Math.floor(pixel / side) * width + (pixel % side))),
    whole: Float64Array.from(found, (pixel) => masks[4 * (first + pixel)] / 255),
    inside: Float64Array.from(found, (pixel) => masks[4 * (first + pixel) + 1] / 255),
  };
}
