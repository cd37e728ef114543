import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpaceData } from "../embedding-space/data.ts";
import { openBits, openCodes } from "../embedding-space/data.ts";
import {
  buildGrid,
  inside,
  markLook,
  nearestInPlane,
  nearestPoint,
  nextPoint,
  thinOut,
} from "../embedding-space/geometry.ts";
import { clipPathOf, FIRST_TEXT_MARK, MARKS, markOf, PALETTE } from "../embedding-space/marks.ts";
import { SELECTED, sortPairs } from "../embedding-space/renderer.ts";
import { cameraOf, type State } from "../embedding-space/state.ts";

const always = () => true;

/** Repeatable numbers from 0 to 1. */
const random = (seed: number) => () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const scatter = (count: number, seed: number) => {
  const next = random(seed);
  return Uint16Array.from({ length: 2 * count }, () => next() * 65535);
};
const far = (points: Uint16Array, i: number, x: number, y: number) =>
  Math.hypot(points[2 * i] - x, points[2 * i + 1] - y);

test("classes come back from two points in a byte, from bytes and from words", () => {
  const packed = (dtype: string, data: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>, bits: number) => ({
    dtype,
    shape: [data.length],
    buffer: data,
    bits,
  });
  assert.deepEqual([...openCodes(packed("uint8", new Uint8Array([0xf3, 0x07]), 4), 3)], [3, 15, 7]);
  assert.deepEqual([...openCodes(packed("uint8", new Uint8Array([3, 200]), 8), 2)], [3, 200]);
  assert.deepEqual([...openCodes(packed("uint16", new Uint16Array([3, 999]), 16), 2)], [3, 999]);
  assert.deepEqual([...openCodes(null, 2)], [0, 0]);
});

test("bits come lowest first", () => {
  const packed = { dtype: "uint8", shape: [2], buffer: new Uint8Array([0b10000001, 0b1]) };
  assert.deepEqual([...openBits(packed, 9)], [1, 0, 0, 0, 0, 0, 0, 1, 1]);
  assert.deepEqual([...openBits(null, 2)], [0, 0]);
});

test("few points are large and nearly opaque, many small and faint", () => {
  const looks = [50, 2000, 100_000, 1_000_000].map((count) => markLook(count, 400_000));
  assert.equal(looks[0].size, 15);
  assert.ok(looks[0].alpha > 0.8);
  for (let i = 1; i < looks.length; i++)
    assert.ok(looks[i].size <= looks[i - 1].size && looks[i].alpha < looks[i - 1].alpha);
  assert.ok(looks[3].alpha < 0.35);
});

test("the grid finds the nearest shown point, exactly as a search of all would", () => {
  const count = 3000,
    offset = 500,
    points = scatter(count + offset, 7),
    grid = buildGrid(points, offset, count),
    next = random(3);
  for (let trial = 0; trial < 300; trial++) {
    const x = next() * 65535,
      y = next() * 65535,
      shown = (i: number) => i % 3 > 0;
    let best = -1;
    for (let i = 0; i < count; i++)
      if (shown(i) && far(points, offset + i, x, y) < (best < 0 ? 2000 : far(points, offset + best, x, y)))
        best = i;
    assert.equal(nearestPoint(grid, points, offset, x, y, 2000, shown), best);
  }
});

test("nothing within the radius, or everything hidden, is -1", () => {
  const points = new Uint16Array([0, 0, 65535, 65535]),
    grid = buildGrid(points, 0, 2);
  assert.equal(nearestPoint(grid, points, 0, 30000, 30000, 500, always), -1);
  assert.equal(
    nearestPoint(grid, points, 0, 0, 0, 1e5, () => false),
    -1,
  );
  assert.equal(nearestPoint(grid, points, 0, 70000, 70000, 1e5, always), 1);
});

test("neighbours in a plane are the nearest ones, in order", () => {
  const count = 400,
    points = scatter(count, 11);
  const found = nearestInPlane(points, 0, count, 5, 8);
  const expected = [...Array(count).keys()]
    .filter((i) => i !== 5)
    .sort(
      (a: number, b: number) =>
        far(points, a, points[10], points[11]) - far(points, b, points[10], points[11]),
    )
    .slice(0, 8);
  assert.deepEqual(
    found.map((one) => one.index),
    expected,
  );
  assert.ok(Math.abs(found[3].value - far(points, expected[3], points[10], points[11])) < 1e-6);
  assert.equal(nearestInPlane(points, 0, 3, 0, 8).length, 2);
});

test("arrow keys go ahead rather than aside, and never back", () => {
  const points = new Uint16Array([100, 100, 200, 100, 150, 145, 100, 50]);
  assert.equal(nextPoint(points, 0, 4, 100, 100, 1, 0, always), 1);
  assert.equal(nextPoint(points, 0, 4, 100, 100, 0, -1, always), 3);
  assert.equal(nextPoint(points, 0, 4, 100, 100, -1, 0, always), -1);
  assert.equal(
    nextPoint(points, 0, 4, 100, 100, 1, 0, (i) => i !== 1),
    2,
  );
});

test("thinned pictures never overlap, and whoever is left out would overlap", () => {
  const next = random(5),
    places = Array.from({ length: 200 }, (_, i) => [next() * 500, next() * 400, i]),
    size = 40;
  const overlap = (a: number[], b: number[]) => Math.abs(a[0] - b[0]) < size && Math.abs(a[1] - b[1]) < size;
  const kept = thinOut(places, size);
  for (const place of places) {
    const others = kept.filter((one) => one !== place && overlap(one, place));
    assert.equal(others.length === 0, kept.includes(place));
  }
});

test("inside and outside of a concave outline", () => {
  const outline = [
    [0, 0],
    [10, 0],
    [10, 10],
    [5, 4],
    [0, 10],
  ];
  assert.ok(inside(outline, 2, 2) && inside(outline, 9, 8));
  assert.ok(!inside(outline, 5, 8) && !inside(outline, 11, 5) && !inside([], 0, 0));
});

test("above twelve classes the mark tells apart what the colour cannot", () => {
  const seen = new Set(
    Array.from({ length: 96 }, (_, code) => `${code % PALETTE} ${MARKS[markOf(code, false)]}`),
  );
  assert.equal(seen.size, 96);
  assert.equal(MARKS[markOf(0, false)], "circle");
  assert.equal(MARKS[markOf(12, false)], "square");
  assert.equal(MARKS[markOf(0, true)], "triangle-up");
  assert.ok(markOf(500, true) >= FIRST_TEXT_MARK && markOf(500, true) < MARKS.length);
  assert.equal(new Set(MARKS.map((_, mark) => clipPathOf(mark))).size, MARKS.length);
});

test("lines whose ends are both selected come last and strong; hidden ones do not come", () => {
  const data = { pairs: Uint32Array.of(0, 3, 1, 4, 2, 5) } as unknown as SpaceData;
  const flags = Uint8Array.of(SELECTED, 0, SELECTED, SELECTED, SELECTED, 0);
  const all = sortPairs(data, () => true, flags, true);
  assert.deepEqual([...all.ends], [1, 4, 2, 5, 0, 3]);
  assert.equal(all.strong, 4);
  assert.equal(sortPairs(data, () => true, flags, false).strong, 0);
  assert.deepEqual([...sortPairs(data, (i) => i !== 0, flags, false).ends], [1, 4, 2, 5]);
});

test("up on the map is up on the screen, right is right, and back again, zoomed and moved", () => {
  const points = Uint16Array.of(0, 0, 65535, 65535, 65535, 0);
  const map = { points, extent: [1, 1] };
  const state = {
    data: { maps: new Map([["pca", map]]), count: 3 },
    from: { name: "pca", step: 0 },
    to: { name: "pca", step: 0 },
    progress: 1,
    camera: { x: 0.4, y: 0.6, zoom: 2 },
  } as unknown as State;
  const camera = cameraOf(state, () => ({ width: 600, height: 300 }));
  const [low, high, right] = [0, 1, 2].map((i) => camera.pixelOf(i));
  assert.ok(high[1] < low[1] && right[0] > low[0] && right[1] === low[1]);
  const [x, y] = camera.unitAt(...right);
  assert.ok(Math.abs(x - 65535) < 1e-6 && Math.abs(y) < 1e-6);
});
