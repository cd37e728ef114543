import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, LEAST_THUMB } from "../similarity-matrix/layout.ts";
import { cellAt } from "../similarity-matrix/pointer.ts";
import { asGiven, type State } from "../similarity-matrix/state.ts";

const ROOM = {
  width: 780,
  height: 800,
  unit: 1,
  images: true,
  square: true,
  full: false,
  caption: 120,
  rowCaption: 0,
};

for (const count of [4, 12, 64, 512])
  test(`${count} rows: the matrix fills its room and images can be told apart`, () => {
    const layout = arrange({ ...ROOM, rows: count, columns: count });
    assert.ok(layout.left + layout.width * count <= ROOM.width + 1e-9);
    assert.ok(layout.total <= ROOM.height + 1);
    assert.ok(layout.thumb >= LEAST_THUMB);
    if (count > 4) assert.ok(layout.width * count >= 0.6 * ROOM.width, `${layout.width * count} px`);
  });

for (const [columns, width] of [
  [12, 342],
  [24, 700],
  [4, 1000],
])
  test(`${columns} captions at ${width} px: the last one ends on the canvas, the matrix keeps half of it`, () => {
    const room = { ...ROOM, rows: columns, columns, width, caption: 400 };
    const { left, width: cell, slant, label } = arrange(room);
    assert.ok(slant > 0, "captions, not numbers");
    assert.ok(left + (columns - 0.5) * cell + label * Math.cos(slant) <= width - 3);
    assert.ok(columns * cell >= 0.5 * width, `${columns * cell} of ${width} px`);
  });

test("in full screen the cells take two thirds of the height, however long the captions are", () => {
  const room = {
    ...ROOM,
    rows: 24,
    columns: 24,
    width: 1500,
    height: 980,
    unit: 1.6,
    full: true,
    caption: 900,
  };
  const { slant, height } = arrange(room);
  assert.ok(slant > 0, "captions, not numbers");
  assert.ok(24 * height >= (2 / 3) * room.height, `${24 * height} of ${room.height} px`);
});

test("images above rows of texts reach into none of them, and cells of two kinds are squares", () => {
  const room = { ...ROOM, rows: 24, columns: 24, caption: 200, rowCaption: 200 };
  const { thumb, width, height } = arrange(room);
  assert.equal(thumb, LEAST_THUMB);
  assert.equal(width, height);
});

test("what a pointer hits is what was drawn there, on a matrix that is not square and sorted", () => {
  const layout = { ...arrange({ ...ROOM, rows: 3, columns: 5, square: false }), slant: 0 };
  const order = { at: [2, 0, 1], placeOf: [1, 2, 0] };
  const zoom = { row: 0, column: 0, rows: 3, columns: 5 };
  const state = { zoom, rowOrder: order, columnOrder: asGiven(5) } as unknown as State;
  const hit = (row: number, column: number) =>
    cellAt(
      state,
      layout,
      layout.left + (column + 0.5) * layout.width,
      layout.top + (row + 0.5) * layout.height,
    );
  assert.deepEqual(hit(0, 4), { row: 2, column: 4 });
  assert.deepEqual(hit(2, 0), { row: 1, column: 0 });
  assert.deepEqual(hit(-0.6, 3), { row: -1, column: 3 });
  assert.deepEqual(hit(1, -0.6), { row: 0, column: -1 });
  assert.deepEqual(hit(3, 1), { row: -1, column: -1 });
});
