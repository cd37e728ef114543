import { firstScene } from "../../vizkit/constants.json";
import type { Ink } from "./world/palette.ts";

/** A picture of the drawn world, as the table of `vizkit.data.scenes` describes it. Lengths are shares of the picture's
 * side; x points right, y down. */
export interface Scene {
  /** Index into the backgrounds of constants.json. */
  background: number;
  /** From back to front. */
  objects: readonly Thing[];
}

/** An object: indices into the shapes, colours and styles of constants.json, and where it stands. */
export interface Thing {
  shape: number;
  color: number;
  style: number;
  x: number;
  y: number;
  radius: number;
  /** Radians, clockwise. */
  rotation: number;
}

/** A line of paint. An eraser's line has the colour of what lies behind all objects. */
export interface Stroke {
  /** x and y in turn, as shares of the side. */
  points: readonly number[];
  width: number;
  ink: Ink | "ground";
}

/** A picture of one's own, cropped to a square: red, green, blue planes from 0 to 1 for the encoder, and a canvas to show. */
export interface Photo {
  planes: Float32Array;
  canvas: HTMLCanvasElement;
}

/** All that is on the stage. Never changed, always replaced: an old one can come back. */
export interface Picture {
  scene: Scene;
  strokes: readonly Stroke[];
  photo: Photo | null;
}

/** The traits that the instrument reads beside those of all (`title`, `theme`, `hovered`, `selected`):
 * - `captions`: list of texts; written back when a person types.
 * - `scene`: a `Scene`, or null for the first one below; written back when a person edits.
 * What the forward pass needs is the affair of `engine.ts`. */
export interface Traits {
  captions: string[];
  scene: Scene | null;
}

export const SMALLEST = 0.05;
export const LARGEST = 0.5;

/** What Python sends where nobody asks for anything else. */
export const FIRST_SCENE: Scene = firstScene;
