import assert from "node:assert/strict";
import { test } from "node:test";
import { colorTable } from "../shared/color.ts";
import { paintPixels } from "../similarity-matrix/colors.ts";
import {
  type Analysis,
  analyse,
  fastExp,
  type Matrix,
  multiplyRows,
  summarize,
} from "../similarity-matrix/numbers.ts";
import { clusterOrder } from "../similarity-matrix/order.ts";
import { type MatrixView, VIEWS, viewOf } from "../similarity-matrix/views.ts";

/** Seeded numbers from −1 to 1. */
function random(count: number, seed = 1): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function close(actual: number, expected: number, tolerance = 1e-9) {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );
}

const valueAt = (name: string, matrix: Matrix, now: Analysis, i: number, j: number) =>
  viewOf(name).value(matrix, now, i, j);

/** Textbook formulas, one cell at a time. */
function textbook(values: Float64Array, n: number, scale: number, bias: number) {
  const logit = (i: number, j: number) => values[i * n + j] * scale;
  const range = [...Array(n).keys()];
  const lse = (all: number[]) => {
    const top = Math.max(...all);
    return top + Math.log(all.reduce((sum, x) => sum + Math.exp(x - top), 0));
  };
  const rows = range.map((i) => lse(range.map((j) => logit(i, j)))),
    columns = range.map((j) => lse(range.map((i) => logit(i, j))));
  let infonce = 0,
    sigmoid = 0;
  for (const i of range) {
    infonce += (rows[i] + columns[i]) / 2 - logit(i, i);
    for (const j of range) {
      const x = (logit(i, j) + bias) * (i === j ? -1 : 1);
      sigmoid += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
  }
  return { infonce: infonce / n, sigmoid: sigmoid / n, rows, columns };
}

test("the fast exponential is within 1e-12 of Math.exp", () => {
  let worst = 0;
  for (let x = -600; x <= 0; x += 0.00731) worst = Math.max(worst, Math.abs(fastExp(x) / Math.exp(x) - 1));
  assert.ok(worst < 1e-12, `relative error ${worst}`);
  assert.equal(fastExp(0), 1);
});

for (const columns of [1, 3, 4, 5, 10]) {
  test(`a product with ${columns} columns equals the plain sums`, () => {
    const rows = 3,
      dim = 7,
      images = random(rows * dim),
      texts = random(columns * dim, 2),
      out = new Float64Array(rows * columns).fill(NaN);
    for (let i = 0; i < rows; i += 2) multiplyRows(images, texts, dim, i, out, columns);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < dim; k++) sum += images[i * dim + k] * texts[j * dim + k];
        close(out[i * columns + j], sum, 1e-14);
      }
  });
}

test("summary: range, tops, and hits in which the first of equal maxima counts", () => {
  const found = summarize(Float64Array.of(2, 2, -1, 5, 4, 0, 1, 4, 2), 3, 3);
  assert.deepEqual([found.low, found.high], [-1, 5]);
  assert.deepEqual([...found.rowTop], [2, 5, 4]);
  assert.deepEqual([...found.columnTop], [5, 4, 2]);
  assert.equal(found.imageHits, 1); // row 0 ties and its first is its own
  assert.equal(found.textHits, 2); // column 1 ties and its first is its own; so is column 2's only top
});

// Scale 200 with bias −20 and 10, the ends of the sliders, and numbers beyond cosines, which leave the shared exponential.
for (const [size, scale, bias, shared] of [
  [1, 14, -10, true],
  [1, 0.5, 10, true],
  [1, 200, -20, true],
  [1, 200, 10, true],
  [30, 200, -10, false],
  [4, 100, 0, false],
] as [number, number, number, boolean][]) {
  test(`losses and gradients at range ±${size}, scale ${scale}, bias ${bias}`, () => {
    const n = 17,
      values = random(n * n).map((value) => value * size),
      matrix = summarize(values, n, n);
    const now = analyse(matrix, scale, bias, new Float64Array(n * n)),
      expected = textbook(values, n, scale, bias);
    assert.equal(now.shared, shared);
    close(now.infonce, expected.infonce);
    close(now.sigmoid, expected.sigmoid);
    // The derivative with respect to one logit, by central differences.
    for (const [i, j] of [
      [2, 5],
      [4, 4],
    ]) {
      const at = i * n + j,
        delta = 1e-4;
      const moved = [delta, -delta].map((change) => {
        const copy = values.slice();
        copy[at] += change / scale;
        return textbook(copy, n, scale, bias);
      });
      close(
        valueAt("gradient of InfoNCE", matrix, now, i, j),
        (moved[0].infonce - moved[1].infonce) / (2 * delta),
        1e-6,
      );
      close(
        valueAt("gradient of sigmoid", matrix, now, i, j),
        (moved[0].sigmoid - moved[1].sigmoid) / (2 * delta),
        1e-6,
      );
    }
    for (let i = 0; i < n; i++) {
      let row = 0,
        column = 0;
      for (let j = 0; j < n; j++) {
        row += valueAt("softmax over texts", matrix, now, i, j);
        column += valueAt("softmax over images", matrix, now, j, i);
      }
      close(row, 1, 1e-10);
      close(column, 1, 1e-10);
    }
  });
}

test("at chance InfoNCE is log N", () => {
  const matrix = summarize(new Float64Array(64).fill(0.3), 8, 8);
  close(analyse(matrix, 14, -10, new Float64Array(64)).infonce, Math.log(8), 1e-14);
});

test("losses of a matrix that pairs nothing are not defined", () => {
  const now = analyse(summarize(random(12), 3, 4), 10, 0, new Float64Array(12));
  assert.ok(Number.isNaN(now.infonce) && Number.isNaN(now.sigmoid));
});

test("each view of constants.json has a formula that gives a number, and the cosine is one", () => {
  const matrix = summarize(random(9), 3, 3);
  const now = analyse(matrix, 10, -1, new Float64Array(9));
  for (const { value } of VIEWS) assert.ok(Number.isFinite(value(matrix, now, 1, 2)));
  assert.equal(viewOf("gone").name, "cosine");
});

/** Two more views, as somebody may add them: of no temperature, and negative off the diagonal, too. */
const ADDED: MatrixView[] = [
  {
    ...viewOf("sigmoid"),
    heated: false,
    name: "squared",
    value: ({ values, columns }, _, i, j) => values[i * columns + j] ** 2,
  },
  {
    ...viewOf("gradient of sigmoid"),
    name: "halved",
    value: ({ values, rows, columns, high }, _, i, j) => values[i * columns + j] / (2 * high * rows),
  },
];

// The colours, by formulas of their own or not, must show what the exact cell function says, in both regimes.
for (const size of [1, 30])
  for (const view of [...VIEWS, ...ADDED]) {
    test(`colours of "${view.name}" at range ±${size} follow the values`, () => {
      const n = 9;
      const values = random(n * n).map((value) => value * size);
      const matrix = summarize(values, n, n);
      const now = analyse(matrix, size === 1 ? 20 : 200, -3, new Float64Array(n * n));
      const pixels = new Uint32Array(n * n);
      paintPixels(matrix, now, view, [matrix.low, matrix.high], pixels);
      const table = [...colorTable(view.colormap)];
      const placeOf = (value: number) => {
        if (view.name === "cosine") return (value - matrix.low) / (matrix.high - matrix.low);
        const root = Math.sqrt(Math.min(1, Math.abs(value) * (view.signed ? n : 1)));
        return view.signed ? 0.5 + (Math.sign(value) * root) / 2 : root;
      };
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          const place = placeOf(view.value(matrix, now, i, j));
          assert.ok(table.includes(pixels[i * n + j]));
          assert.ok(
            Math.abs(table.indexOf(pixels[i * n + j]) - place * 255) <= 1.01,
            `cell ${i}, ${j}: colour ${table.indexOf(pixels[i * n + j])} for ${place * 255}`,
          );
        }
    });
  }

test("clusters stand together, and every row once", () => {
  // Three clusters, dealt out in turn.
  const centres = [-10, 0, 10];
  const noise = random(12, 5);
  const values = Float64Array.from({ length: 12 }, (_, i) => centres[i % 3] + noise[i]);
  const order = clusterOrder(values, 12, 1);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(12).keys()],
  );
  const clusters = order.map((i) => i % 3);
  assert.equal(clusters.filter((cluster, i) => i && cluster !== clusters[i - 1]).length, 2);
});
