import assert from "node:assert/strict";
import { test } from "node:test";

import {
  buildGrid,
  inside,
  markLook,
  nearestInPlane,
  nearestPoint,
  nextPoint,
  openBits,
  openCodes,
  thinOut,
} from "../embedding-space/view.js";

const always = () => true;

/** Repeatable numbers from 0 to 1. @param {number} seed */
const random = (seed) => () => (seed = (seed * 48271) % 2147483647) / 2147483647;
/** @param {number} count @param {number} seed */
const scatter = (count, seed) => {
  const next = random(seed);
  return Uint16Array.from({ length: 2 * count }, () => next() * 65535);
};
/** @param {Uint16Array} points @param {number} i @param {number} x @param {number} y */
const far = (points, i, x, y) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y);

test("classes come back from two points in a byte, from bytes and from words", () => {
  const packed = (dtype, data, bits) => ({ dtype, shape: [data.length], buffer: data, bits });
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
      shown = (i) => i % 3 > 0;
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
    .sort((a, b) => far(points, a, points[10], points[11]) - far(points, b, points[10], points[11]))
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
  const overlap = (a, b) => Math.abs(a[0] - b[0]) < size && Math.abs(a[1] - b[1]) < size;
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
