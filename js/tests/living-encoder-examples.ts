import assert from "node:assert/strict";

import type { Picture, Thing } from "../living-encoder/scene.ts";

/** Pictures that the tests of the living encoder speak of. */

export const HEART: Thing = { shape: 4, color: 0, style: 0, x: 0.3, y: 0.4, radius: 0.2, rotation: 0 };
export const RING: Thing = { shape: 6, color: 5, style: 0, x: 0.7, y: 0.6, radius: 0.2, rotation: 0 };
export const PICTURE: Picture = {
  scene: { background: 0, objects: [HEART, RING] },
  strokes: [],
  photo: null,
};
export const EMPTY: Picture = { ...PICTURE, scene: { background: 0, objects: [] } };

export const close = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
