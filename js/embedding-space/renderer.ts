import type { SpaceData } from "./data.ts";

/** A projection at a step. */
export interface Place {
  name: string;
  step: number;
}

/** Everything that decides a picture of the points. */
export interface Drawing {
  /** Middle of the view, in units of the map from 0 to 1. */
  center: [number, number];
  /** From units of the map to the picture from −1 to 1. */
  stretch: [number, number];
  /** On the way from one place to the other, from 0 to 1. */
  from: Place;
  to: Place;
  progress: number;
  /** Radius of a mark, in pixels of the canvas. */
  radius: number;
  alpha: number;
  /** Draw every which point, in how many passes. */
  stride: number;
  passes: number;
  /** Whether some points are selected: then the others fade. */
  selection: boolean;
  /** The class that stands out, or -1. */
  spotlight: number;
  lines: boolean;
  lineAlpha: number;
  paper: [number, number, number];
  line: [number, number, number];
}

/** Opacity of what neither the selection nor the spotlight means, as a share. */
export const DIMMED = 0.16;

/** Marks of a smaller radius, in pixels, are squares: no eye sees their shape. */
export const LEAST_RADIUS = 1.3;

/** Marks of a larger radius, in pixels, have a rim. */
export const LEAST_RIM = 3;

/** Flag of a point that is selected, beside the 1 of a text. */
export const SELECTED = 2;

/** Draws the points and the lines between pairs: on the graphics card, or on a canvas, with the same look. */
export interface Renderer {
  kind: "webgl2" | "canvas";
  setFlags(flags: Uint8Array): void;
  /** Ends of the lines, two by two: first those to draw faintly, then, from `strong` on, the others. */
  setPairs(ends: Uint32Array, strong: number): void;
  /** Colours of the classes, RGBA; transparent for a hidden one. */
  setColors(colors: Uint8Array): void;
  /** Returns how many points it drew, or passed over as hidden or out of view. */
  draw(drawing: Drawing): number;
  close(): void;
}

/** Lines whose two ends are selected are strong; without a selection all are. */
export function sortPairs(
  { pairs }: SpaceData,
  shown: (index: number) => boolean,
  flags: Uint8Array,
  selection: boolean,
): { ends: Uint32Array; strong: number } {
  const faint: number[] = [];
  const strong: number[] = [];
  for (let i = 0; pairs && i < pairs.length; i += 2) {
    const [a, b] = [pairs[i], pairs[i + 1]];
    if (!shown(a) || !shown(b)) continue;
    const chosen = !selection || flags[a] & flags[b] & SELECTED;
    (chosen ? strong : faint).push(a, b);
  }
  return { ends: Uint32Array.from([...faint, ...strong]), strong: faint.length };
}
