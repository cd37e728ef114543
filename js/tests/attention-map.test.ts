import assert from "node:assert/strict";
import { test } from "node:test";

import { type Grid, type QuantizedMaps, readQuantizedMaps } from "../attention-map/data.ts";
import {
  EVERY,
  effectiveNumber,
  meanDistance,
  overHeads,
  receivedOverHeads,
  receivedWeights,
  rolloutColumn,
  rolloutRow,
  rowWeights,
} from "../attention-map/numbers.ts";
import { cellAt, placeOf, tokenAt } from "../attention-map/places.ts";

function close(actual: number, expected: number, tolerance = 1e-9) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

/** A block of seeded bytes as Python packs it: scales, prefix, values. */
function block(heads: number, grid: Grid, tokens: number, signed = false) {
  const cells = grid[0] * grid[1],
    rows = heads * (cells + tokens),
    buffer = new ArrayBuffer(rows * (4 + 2 * tokens + cells));
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  new Float32Array(buffer, 0, rows).forEach((_, i, all) => {
    all[i] = 0.1 + random();
  });
  new Uint16Array(buffer, rows * 4, rows * tokens).forEach((_, i, all) => {
    all[i] = random() * 65535;
  });
  new Uint8Array(buffer, rows * (4 + 2 * tokens)).forEach((_, i, all) => {
    all[i] = 1 + random() * 254;
  });
  return {
    buffer,
    layer: { name: "0", heads, grid, keys: grid },
    read: readQuantizedMaps(buffer, { name: "0", heads, grid, keys: grid }, tokens, signed),
  };
}

test("a row is read from its own head and query", () => {
  const { buffer, read } = block(3, [2, 3], 2),
    rows = 3 * 8,
    head = 2,
    query = 5,
    row = head * 8 + query;
  const weights = rowWeights(read, head, query);
  assert.equal(weights.length, 8);
  close(weights[1], new Uint16Array(buffer, rows * 4)[row * 2 + 1] / 65535);
  close(
    weights[2 + 4],
    (new Uint8Array(buffer)[rows * 8 + row * 6 + 4] * new Float32Array(buffer, 0, rows)[row]) / 255,
  );
});

test("signed rows have their zero at 128", () => {
  const { read } = block(1, [1, 2], 0, true);
  read.values.set([128, 1, 255, 128]);
  assert.deepEqual(
    [...rowWeights(read, 0, 0)].map((value) => value / read.scales[0]),
    [0, -1],
  );
});

test("mean and maximum over heads", () => {
  const { read } = block(3, [2, 2], 1),
    rows = [0, 1, 2].map((head) => [...rowWeights(read, head, 3)]);
  overHeads(read, 3, false).forEach((value, i) => close(value, (rows[0][i] + rows[1][i] + rows[2][i]) / 3));
  overHeads(read, 3, true).forEach((value, i) => close(value, Math.max(rows[0][i], rows[1][i], rows[2][i])));
});

test("rollout is the product of the mixed layers", () => {
  const layers = [block(2, [2, 2], 1).read, block(3, [2, 2], 1).read, block(1, [2, 2], 1).read],
    size = 5;
  let product: number[][] = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => Number(i === j)),
  );
  for (const layer of layers) {
    const mixed = product.map((_, query) => {
      const row = [...overHeads(layer, query, false)],
        sum = row.reduce((a, b) => a + b);
      return row.map((value, key) => (0.5 * value) / sum + 0.5 * Number(key === query));
    });
    product = mixed.map((row) =>
      product[0].map((_, key) => row.reduce((sum, value, middle) => sum + value * product[middle][key], 0)),
    );
  }
  for (let query = 0; query < size; query++)
    rolloutRow(layers, query).forEach((value, key) => close(value, product[query][key], 1e-7));
});

test("mean distance of a head that looks at its right neighbour, and of one that looks everywhere", () => {
  const { read } = block(1, [1, 4], 1);
  read.values.fill(0);
  // Query token 0 is the class token: it does not count.
  for (let query = 0; query < 4; query++) read.values[(1 + query) * 4 + ((query + 1) % 4)] = 9;
  close(meanDistance(read, 0, [1, 4]), (1 + 1 + 1 + 3) / 4 / 4);
  close(meanDistance(null, 0, [1, 4]), (6 + 4 + 4 + 6) / 16 / 4);
  read.values.fill(0);
  assert.ok(Number.isNaN(meanDistance(read, 0, [1, 4])));
});

test("rows count as widths of the picture, not of the height", () => {
  close(meanDistance(null, 0, [2, 1]), 0.5);
});

test("effective number of patches", () => {
  close(effectiveNumber(Float64Array.of(0.9, 0.1, 0.1, 0.1), 1), 3);
  close(effectiveNumber(Float64Array.of(0, 0, 0.4), 1), 1);
  assert.equal(effectiveNumber(Float64Array.of(1, 0, 0), 1), 0);
});

test("places lead from one grid to another", () => {
  const place = placeOf(1 + 5, [2, 4], 1)!;
  assert.deepEqual(place, { token: -1, x: 1.5 / 4, y: 0.75 });
  assert.equal(cellAt(place, [14, 14]), 10 * 14 + 5);
  assert.equal(tokenAt(place, { name: "", heads: 1, grid: [2, 4], keys: [2, 4] }, 0), 5);
  assert.equal(placeOf(-1, [2, 4], 1), null);
  assert.equal(tokenAt(placeOf(1, [2, 4], 2)!, { name: "", heads: 1, grid: [2, 4], keys: [2, 4] }, 1), -1);
  assert.equal(cellAt({ token: -1, x: 1, y: 1 }, [3, 3]), 8);
});

test("what is received is a column over the number of queries, or the mean of all rows", () => {
  const { read } = block(2, [2, 3], 1);
  const size = 7;
  const rows = (weights: (read: QuantizedMaps, query: number) => Float64Array) =>
    Array.from({ length: size }, (_, query) => weights(read, query));
  const mean = (key: number, all: Float64Array[]) => all.reduce((sum, row) => sum + row[key], 0) / size;
  const one = rows((all, query) => rowWeights(all, 1, query));
  for (const key of [0, 4]) {
    receivedWeights(read, 1, key).forEach((value, query) => close(value, one[query][key] / size));
    const most = rows((all, query) => overHeads(all, query, true));
    receivedOverHeads(read, key, true).forEach((value, query) => close(value, most[query][key] / size));
    receivedOverHeads(read, EVERY, true).forEach((value, at) => close(value, mean(at, most)));
  }
  receivedWeights(read, 1, EVERY).forEach((value, key) => close(value, mean(key, one)));
});

test("a column of rollout is read across its rows", () => {
  const layers = [block(2, [2, 2], 1).read, block(3, [2, 2], 1).read];
  const rows = [0, 1, 2, 3, 4].map((query) => rolloutRow(layers, query));
  rolloutColumn(layers, 3).forEach((value, query) => close(value, rows[query][3] / 5, 1e-9));
  rolloutRow(layers, EVERY).forEach((value, key) =>
    close(value, rows.reduce((sum, row) => sum + row[key], 0) / 5, 1e-9),
  );
});
