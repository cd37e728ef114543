import { noiseAt } from "./noise.ts";
import type { Ink } from "./palette.ts";
import { innerRadius } from "./shapes.ts";

/** The square window around an object. Lengths are in points: one point is 1/64 of the picture's side. */
export interface Patch {
  side: number;
  /** Pixels to a point. */
  scale: number;
  shape: number;
  radius: number;
  ink: Ink;
  /** Whether the background is dark. */
  dark: boolean;
  /** Points right of the object's centre, by column; below it, by row. */
  x: Float32Array;
  y: Float32Array;
  /** Points to the outline at a place; negative inside. */
  distance(x: number, y: number): number;
  /** The same at every pixel. */
  outline: Float32Array;
}

/** Paint of one colour; how much of it a pixel takes, by row and column. Layers are painted in order. */
export interface Layer {
  ink: Ink;
  cover(row: number, column: number): number;
}

const { abs, cos, exp, max, min, round, sqrt, PI } = Math;
const clip01 = (value: number) => max(0, min(1, value));
const BLACK: Ink = [0, 0, 0];
const WHITE: Ink = [1, 1, 1];

/** An ink mixed with black (0) or white (1). */
const towards = (ink: Ink, target: number, amount: number): Ink =>
  ink.map((value) => value + (target - value) * amount) as unknown as Ink;

/** Line width: thicker for larger objects, as one would draw. */
const strokeOf = ({ radius }: Patch) => 0.8 + 0.11 * radius;

/** Share of a pixel on the negative side of a distance: anti-aliased edges. */
const edge = (patch: Patch, distance: number) => clip01(0.5 - distance * patch.scale);

const at = ({ outline, side }: Patch, row: number, column: number) => outline[row * side + column];

function flat(patch: Patch): Layer[] {
  return [{ ink: patch.ink, cover: (row, column) => edge(patch, at(patch, row, column)) }];
}

function outline(patch: Patch): Layer[] {
  const half = strokeOf(patch) * 0.55;
  const ink = towards(patch.ink, 0, patch.dark ? 0 : 0.06);
  return [{ ink, cover: (row, column) => edge(patch, abs(at(patch, row, column) + half) - half) }];
}

function hatched(patch: Patch): Layer[] {
  const period = 2.6 + 0.09 * patch.radius;
  const fill = (row: number, column: number) => edge(patch, at(patch, row, column));
  const lines = (row: number, column: number) => {
    const across = ((patch.x[column] + patch.y[row]) * sqrt(0.5)) / period;
    const stripe = edge(patch, (abs(across - round(across)) - 0.27) * period);
    const rim = edge(patch, -at(patch, row, column) - 0.7 * strokeOf(patch));
    return fill(row, column) * max(stripe, rim);
  };
  return [
    { ink: towards(patch.ink, 1, 0.78), cover: fill },
    { ink: patch.ink, cover: lines },
  ];
}

function dotted(patch: Patch): Layer[] {
  const period = 3.4 + 0.13 * patch.radius;
  const dots = (row: number, column: number) => {
    let along = (patch.x[column] + patch.y[row]) / period;
    let across = (patch.x[column] - patch.y[row]) / period;
    along -= round(along);
    across -= round(across);
    const dot = edge(patch, (sqrt(along * along + across * across) * sqrt(0.5) - 0.21) * period);
    return dot * edge(patch, at(patch, row, column) + 0.7 * strokeOf(patch));
  };
  return [...flat(patch), { ink: towards(patch.ink, 1, 0.88), cover: dots }];
}

function shaded(patch: Patch): Layer[] {
  const { side, scale, radius, ink } = patch;
  const offset = 0.8 + 0.09 * radius;
  const shadow = (row: number, column: number) => {
    const fallen = patch.distance(patch.x[column] - offset, patch.y[row] - 1.3 * offset);
    return 0.42 * clip01(0.5 - fallen / (3.2 + 0.1 * radius)) ** 1.5;
  };
  const fill = (row: number, column: number) => edge(patch, at(patch, row, column));
  // A round bevel as wide as the shape allows; its slope follows the distance's gradient.
  const bevel = innerRadius(patch.shape) * radius * 0.95;
  const light = (row: number, column: number) => {
    const depth = clip01(1 + at(patch, row, column) / bevel);
    const [left, right] = [max(0, column - 1), min(side - 1, column + 1)];
    const [upper, lower] = [max(0, row - 1), min(side - 1, row + 1)];
    const slopeX = ((at(patch, row, right) - at(patch, row, left)) * scale) / (right - left);
    const slopeY = ((at(patch, lower, column) - at(patch, upper, column)) * scale) / (lower - upper);
    return -depth * (0.5 * slopeX + 0.62 * slopeY) + 0.6 * sqrt(max(1 - depth * depth, 0));
  };
  const shade = (row: number, column: number) => fill(row, column) * clip01(0.62 - light(row, column)) * 0.62;
  const gloss = (row: number, column: number) =>
    fill(row, column) * clip01((light(row, column) - 0.72) * 3.2) ** 2 * 0.75;
  return [
    { ink: BLACK, cover: shadow },
    { ink: towards(ink, 1, 0.06), cover: fill },
    { ink: towards(ink, 0, 0.82), cover: shade },
    { ink: WHITE, cover: gloss },
  ];
}

function pixel(patch: Patch): Layer[] {
  // Blocks are whole pixels, and one block is centred on the object, so that sprites are crisp.
  const block = max(round((patch.radius * patch.scale) / 7), 1) / patch.scale;
  const snap = (value: number) => round(value / block) * block;
  const far = (row: number, column: number, step: number) =>
    patch.distance(snap(patch.x[column]) + step, snap(patch.y[row]) + step);
  // Fine tips stay joined.
  const inside = (row: number, column: number) => far(row, column, 0) < 0.15 * block;
  const lit = (row: number, column: number) => inside(row, column) && far(row, column, -block) >= 0;
  const dim = (row: number, column: number) =>
    inside(row, column) && !lit(row, column) && far(row, column, block) >= 0;
  return [
    { ink: patch.ink, cover: (row, column) => Number(inside(row, column)) },
    { ink: towards(patch.ink, 1, 0.25), cover: (row, column) => Number(lit(row, column)) },
    { ink: towards(patch.ink, 0, 0.3), cover: (row, column) => Number(dim(row, column)) },
  ];
}

function neon(patch: Patch): Layer[] {
  // On a dark background the tube shines; on a light one it is a coloured tube with a sheen.
  const dark = Number(patch.dark);
  const half = 0.5 * strokeOf(patch) + 0.25 * (1 - dark);
  const reach = 1.6 + 0.06 * patch.radius;
  const tube = (row: number, column: number) => abs(at(patch, row, column) + half);
  const glow = (row: number, column: number) =>
    exp(-max(tube(row, column) - half, 0) / reach) * (0.5 + 0.12 * dark);
  const core = (row: number, column: number) =>
    edge(patch, tube(row, column) - 0.4 * half) * (0.6 + 0.3 * dark);
  return [
    { ink: patch.ink, cover: glow },
    {
      ink: towards(patch.ink, 1, 0.18 * dark),
      cover: (row, column) => edge(patch, tube(row, column) - half),
    },
    { ink: towards(patch.ink, 1, 0.6 + 0.25 * dark), cover: core },
  ];
}

function sketch(patch: Patch): Layer[] {
  // Pencil on light paper, chalk on dark: a wash, slanted strokes, a wavering contour.
  const noise = (row: number, column: number) => noiseAt(patch.x[column] + 64, patch.y[row] + 64);
  const wavering = (row: number, column: number) => at(patch, row, column) + 0.3 * noise(row, column);
  const period = 2.3 + 0.04 * patch.radius;
  const fill = (row: number, column: number) => edge(patch, wavering(row, column));
  const strokes = (row: number, column: number) => {
    const rough = noise(row, column);
    const across = (0.45 * patch.x[column] + 0.9 * patch.y[row] + 0.4 * rough) / period;
    const stroke = 0.5 + 0.5 * cos(2 * PI * across) + 0.3 * rough;
    return fill(row, column) * clip01(stroke * 1.3 - 0.25) * 0.9;
  };
  const line = (row: number, column: number) =>
    edge(patch, abs(wavering(row, column) + 0.5) - 0.55) * clip01(0.8 + 0.25 * noise(row, column));
  return [
    { ink: patch.ink, cover: (row, column) => fill(row, column) * 0.42 },
    { ink: patch.ink, cover: strokes },
    { ink: towards(patch.ink, Number(patch.dark), 0.2), cover: line },
  ];
}

/** In the order of the styles in constants.json; `vizkit/data/styles.py` has the same. */
const PAINTERS = [flat, outline, hatched, dotted, shaded, pixel, neon, sketch];

/** Room that a glow, a shadow or a wavering line takes around an object, in points. */
const MARGINS = [0.5, 0.5, 0.5, 0.5, 6, 2, 6, 2];

export const layersOf = (style: number, patch: Patch): Layer[] => PAINTERS[style](patch);
export const marginOf = (style: number): number => MARGINS[style];
