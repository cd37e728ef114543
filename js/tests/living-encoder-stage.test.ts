import assert from "node:assert/strict";
import { test } from "node:test";

import { ALL_HEADS, attentionRow, percent, shuffledOrder } from "../living-encoder/numbers.ts";
import {
  add,
  addStroke,
  cycle,
  extendStroke,
  place,
  remove,
  resize,
  turn,
} from "../living-encoder/stage/edits.ts";
import { grab, gripsOf, thingAt } from "../living-encoder/stage/handles.ts";
import { openHistory } from "../living-encoder/stage/history.ts";
import { shrink } from "../living-encoder/stage/photo.ts";
import { signedVeil, veil } from "../living-encoder/stage/veil.ts";
import { openRenderer } from "../living-encoder/world/render.ts";
import { FACTS, fakeEngine } from "./fake-engine.ts";
import { close, EMPTY, HEART, PICTURE, RING } from "./living-encoder-examples.ts";

test("an object stays within reach, between the smallest and the largest size", () => {
  assert.equal(place(PICTURE, 0, 9, -9).scene.objects[0].x, 1.15);
  assert.equal(place(PICTURE, 0, 9, -9).scene.objects[0].y, -0.15);
  assert.equal(resize(PICTURE, 0, 9).scene.objects[0].radius, 0.5);
  assert.equal(resize(PICTURE, 0, 0).scene.objects[0].radius, 0.05);
  close(turn(PICTURE, 0, 7).scene.objects[0].rotation, 7 - 2 * Math.PI, 1e-12);
});

test("an edit leaves the picture before it alone, and the other objects", () => {
  const before = JSON.stringify(PICTURE);
  const after = cycle(PICTURE, 0, "color");
  assert.equal(JSON.stringify(PICTURE), before);
  assert.equal(after.scene.objects[0].color, 1);
  assert.ok(after.scene.objects[1] === RING);
});

test("the last colour, shape and style are followed by the first", () => {
  const last = {
    ...PICTURE,
    scene: { background: 0, objects: [{ ...HEART, color: 8, shape: 9, style: 7 }] },
  };
  for (const part of ["color", "shape", "style"] as const)
    assert.equal(cycle(last, 0, part).scene.objects[0][part], 0);
});

test("a new object stands where there is room and is of another shape and colour", () => {
  const { objects } = add(PICTURE).scene;
  const fresh = objects[2];
  assert.equal(objects.length, 3);
  for (const old of [HEART, RING]) {
    assert.ok(Math.hypot(fresh.x - old.x, fresh.y - old.y) > old.radius);
    assert.ok(fresh.shape !== old.shape && fresh.color !== old.color);
  }
  assert.deepEqual(remove(add(PICTURE), 2).scene.objects, [HEART, RING]);
});

test("undo and redo; edits of one name are one step, a nameless one is its own", () => {
  const history = openHistory<number>();
  history.keep(0, "move", 0);
  history.keep(1, "move", 500);
  history.keep(2, "move", 3000);
  history.keep(3, "", 3001);
  history.keep(4, "", 3002);
  assert.equal(history.undo(5), 4);
  assert.equal(history.undo(4), 3);
  assert.equal(history.undo(3), 2);
  assert.equal(history.redo(2), 3);
  assert.equal(history.undo(3), 2);
  assert.equal(history.undo(2), 0);
  assert.equal(history.undo(0), null);
  history.keep(0, "", 9000);
  assert.equal(history.redo(7), null);
});

test("a pointer takes the object in front, its handles first, and a ring by its hole", () => {
  const over = { ...PICTURE, scene: { background: 0, objects: [HEART, { ...RING, x: 0.35, y: 0.4 }] } };
  assert.equal(thingAt(over, { x: 0.35, y: 0.4 }, 0), 1);
  assert.equal(thingAt(PICTURE, { x: 0.7, y: 0.6 }, 0), 1);
  assert.equal(thingAt(PICTURE, { x: 0.95, y: 0.05 }, 0), -1);
  const { scale, turn: knob } = gripsOf(HEART);
  assert.equal(grab(PICTURE, 0, scale, 0.02)?.grip, "scale");
  assert.equal(grab(PICTURE, 0, knob, 0.02)?.grip, "turn");
  assert.equal(grab(PICTURE, -1, scale, 0.001), null);
  for (const { x, y } of Object.values(gripsOf({ ...HEART, x: 0.02, y: 0 })))
    assert.ok(x >= 0 && x <= 1 && y >= 0 && y <= 1);
});

test("a dab of paint covers the area of its brush, and the eraser gives the background back", () => {
  const render = openRenderer(64);
  const bare = render(EMPTY);
  const black = { points: [0.5, 0.25], width: 0.25, ink: [0, 0, 0] as const };
  const painted = render(addStroke(EMPTY, black));
  let area = 0;
  let height = 0;
  for (let at = 0; at < 4096; at++) {
    const cover = 1 - painted[at] / bare[at];
    area += cover;
    height += cover * (Math.floor(at / 64) + 0.5);
  }
  close(area, Math.PI * 8 ** 2, 5);
  close(height / area, 16, 0.2);
  const wiped = render(addStroke(PICTURE, { points: [-1, 0.5, 2, 0.5], width: 3, ink: "ground" }));
  for (let at = 0; at < wiped.length; at++) close(wiped[at], bare[at], 1e-6);
});

test("a stroke goes on to where the pointer is", () => {
  const begun = addStroke(EMPTY, { points: [0.2, 0.5], width: 0.1, ink: [0, 0, 0] });
  const render = openRenderer(64);
  const [short, long] = [render(begun), render(extendStroke(begun, 0.8, 0.5))];
  const right = 32 * 64 + 51;
  assert.ok(short[right] > 0.9 && long[right] < 0.1);
  assert.equal(begun.strokes[0].points.length, 2);
});

test("a photograph keeps its sides where they are", () => {
  // Red on the left, green below on the right, blue above on the right.
  const data = new Uint8ClampedArray(4 * 16 * 16);
  for (let at = 0; at < 256; at++) {
    const [row, column] = [Math.floor(at / 16), at % 16];
    data[4 * at + (column < 8 ? 0 : row < 8 ? 2 : 1)] = 255;
  }
  const planes = shrink({ data, width: 16 }, 2);
  assert.deepEqual([...planes], [1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
});

test("a shuffled order moves every patch, and is the same every time", () => {
  const order = shuffledOrder(64, 7);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(64).keys()],
  );
  assert.ok(order.every((patch, at) => patch !== at));
  assert.deepEqual([...shuffledOrder(64, 7)], [...order]);
});

test("attention of one head, and the mean of all", () => {
  const image = fakeEngine().image(new Float32Array(3 * 32 * 32));
  assert.deepEqual([...attentionRow(image, FACTS, 1, 0, 6)], [0, 0, 0, 0, 0, 1, 0, 0]);
  assert.deepEqual([...attentionRow(image, FACTS, 1, 1, 6)], [1, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...attentionRow(image, FACTS, 0, ALL_HEADS, 6)], [0.5, 0, 0, 0, 0, 0.5, 0, 0]);
});

const channels = (pixel: number) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];

test("the veil lets more of the picture through the stronger a patch is", () => {
  const weights = Array.from({ length: 11 }, (_, k) => channels(veil(k / 10)));
  for (let k = 1; k < weights.length; k++) {
    assert.ok(weights[k][3] < weights[k - 1][3]);
    assert.ok(weights[k][0] > weights[k - 1][0]);
  }
  assert.equal(channels(signedVeil(0))[3], 0);
  assert.equal(channels(signedVeil(1))[3], 255);
  assert.ok(signedVeil(1) !== signedVeil(-1));
});

test("per cent for people", () => {
  assert.deepEqual([0, 0.0003, 0.004, 0.0963, 0.1, 0.999].map(percent), [
    "0%",
    "0%",
    "0.4%",
    "9.6%",
    "10%",
    "100%",
  ]);
});
