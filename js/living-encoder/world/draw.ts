import type { Scene, Thing } from "../scene.ts";
import { noiseAt } from "./noise.ts";
import { groundOf, inkOf, isDark } from "./palette.ts";
import { DISTANCES } from "./shapes.ts";
import { layersOf, marginOf, type Patch } from "./styles.ts";

/** The picture's side in points. */
const POINTS = 64;
/** The farthest that any outline lies from its centre, in radii. */
const REACH = 1.06;
/** How much darker the lower edge of the background is, and the grain of its paper: as in `vizkit/data/render.py`. */
const FADE = 0.07;
const GRAIN = 0.007;

/** An object alone: red, green, blue, each times opacity, and opacity, from 0 to 1, row by row. */
export interface Sprite {
  left: number;
  top: number;
  side: number;
  pixels: Float32Array;
}

/** Draws an object as it looks on a background, in a picture of `size` x `size` pixels. */
export function drawThing(thing: Thing, background: number, size: number): Sprite {
  const scale = size / POINTS;
  const reach = (thing.radius * POINTS * REACH + marginOf(thing.style)) * scale;
  // As wide as Python's windows: a glow ends where they do.
  const step = Math.max(4, Math.floor(size / 8));
  const side = Math.ceil((2 * reach) / step) * step;
  const [left, top] = [thing.x, thing.y].map((center) => Math.round(center * size - side / 2));
  const patch = patchOf(thing, background, scale, left, top, side);
  const pixels = new Float32Array(4 * side * side);
  for (const { ink, cover } of layersOf(thing.style, patch))
    for (let row = 0, at = 0; row < side; row++)
      for (let column = 0; column < side; column++, at += 4) {
        const share = cover(row, column);
        if (!share) continue;
        for (let channel = 0; channel < 3; channel++)
          pixels[at + channel] += share * (ink[channel] - pixels[at + channel]);
        pixels[at + 3] += share * (1 - pixels[at + 3]);
      }
  return { left, top, side, pixels };
}

function patchOf(
  thing: Thing,
  background: number,
  scale: number,
  left: number,
  top: number,
  side: number,
): Patch {
  const radius = thing.radius * POINTS;
  const [turnX, turnY] = [Math.cos(thing.rotation) / radius, Math.sin(thing.rotation) / radius];
  const shape = DISTANCES[thing.shape];
  const distance = (x: number, y: number) => shape(turnX * x + turnY * y, turnX * y - turnY * x) * radius;
  const points = (first: number, center: number) =>
    Float32Array.from({ length: side }, (_, k) => (first + k + 0.5) / scale - center * POINTS);
  const x = points(left, thing.x);
  const y = points(top, thing.y);
  const outline = new Float32Array(side * side);
  for (let row = 0, at = 0; row < side; row++)
    for (let column = 0; column < side; column++, at++) outline[at] = distance(x[column], y[row]);
  const ink = inkOf(thing.color, background);
  return { side, scale, shape: thing.shape, radius, ink, dark: isDark(background), x, y, distance, outline };
}

/** Lays a sprite over a picture of `size` x `size` pixels in three planes. */
export function lay(planes: Float32Array, size: number, { left, top, side, pixels }: Sprite): void {
  const plane = size * size;
  for (let row = Math.max(0, -top); row < Math.min(side, size - top); row++)
    for (let column = Math.max(0, -left); column < Math.min(side, size - left); column++) {
      const from = 4 * (row * side + column);
      const rest = 1 - pixels[from + 3];
      const to = (top + row) * size + left + column;
      for (let channel = 0; channel < 3; channel++) {
        const at = channel * plane + to;
        planes[at] = planes[at] * rest + pixels[from + channel];
      }
    }
}

/** Fills the three planes with a background that darkens gently downwards. */
export function fillGround(planes: Float32Array, size: number, background: number): void {
  const ground = groundOf(background);
  for (let channel = 0, at = 0; channel < 3; channel++)
    for (let row = 0; row < size; row++, at += size)
      planes.fill(ground[channel] * (1 - (FADE * (row + 0.5)) / size), at, at + size);
}

/** Paper grain, the same on every picture, and values between 0 and 1. */
export function addGrain(planes: Float32Array, size: number): void {
  grain ??= Float32Array.from({ length: POINTS * POINTS }, (_, at) =>
    noiseAt(at % POINTS, Math.floor(at / POINTS)),
  );
  const plane = size * size;
  const step = POINTS / size;
  for (let at = 0; at < planes.length; at++) {
    const place = at % plane;
    const row = Math.floor(Math.floor(place / size) * step);
    const column = Math.floor((place % size) * step);
    const value = planes[at] + GRAIN * grain[row * POINTS + column];
    planes[at] = Math.max(0, Math.min(1, value));
  }
}

let grain: Float32Array | null = null;

/** The picture of a scene, (3, size, size), from 0 to 1. */
export function drawScene(scene: Scene, size: number, paper = true): Float32Array {
  const planes = new Float32Array(3 * size * size);
  fillGround(planes, size, scene.background);
  for (const thing of scene.objects) lay(planes, size, drawThing(thing, scene.background, size));
  if (paper) addGrain(planes, size);
  return planes;
}
