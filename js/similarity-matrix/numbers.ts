/** The numbers of a similarity matrix, in double precision; `analyse` runs while a slider moves. */

/** What does not depend on the temperature. */
export interface Matrix {
  values: Float64Array;
  rows: number;
  columns: number;
  low: number;
  high: number;
  /** Largest value of each row, of each column. */
  rowTop: Float64Array;
  columnTop: Float64Array;
  imageHits: number;
  textHits: number;
}

/** What depends on it; `weights` is exp(scale · (value − high)) where `shared`. */
export interface Analysis {
  scale: number;
  bias: number;
  shared: boolean;
  weights: Float64Array;
  /** log Σ exp(logit) of each row, of each column. */
  rowLse: Float64Array;
  columnLse: Float64Array;
  infonce: number;
  sigmoid: number;
}

const EXP_PARTS = Float64Array.from({ length: 2048 }, (_, k) => 2 ** (k / 2048));
const EXP_POWERS = Float64Array.from({ length: 1024 }, (_, k) => 2 ** (k - 1023));

/** exp for −700 ≤ x ≤ 0 with a relative error below 1e-12, about four times as fast as Math.exp. */
export function fastExp(x: number): number {
  const k = (x * 2954.639443740597 - 0.5) | 0; // 2048 / ln 2
  const rest = x - k * 0.0003384507717577858;
  return EXP_PARTS[k & 2047] * EXP_POWERS[(k >> 11) + 1023] * (1 + rest * (1 + rest * 0.5));
}

/** Writes two rows of images @ texts.T, four columns at a time: what is read serves eight sums. */
export function multiplyRows(
  images: Float64Array,
  texts: Float64Array,
  dim: number,
  row: number,
  out: Float64Array,
  columns: number,
): void {
  // Past an end the last row or column is computed again, which costs less than loops of their own.
  const last = columns - 1;
  const next = Math.min(row + 1, out.length / columns - 1);
  const from = row * dim;
  const from1 = next * dim;
  const at = row * columns;
  const at1 = next * columns;
  for (let j = 0; j < columns; j += 4) {
    const j1 = Math.min(j + 1, last);
    const j2 = Math.min(j + 2, last);
    const j3 = Math.min(j + 3, last);
    const t0 = j * dim;
    const t1 = j1 * dim;
    const t2 = j2 * dim;
    const t3 = j3 * dim;
    // One by one: a list of eight would be made anew for every four cells until the function is hot.
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let a1 = 0;
    let b1 = 0;
    let c1 = 0;
    let d1 = 0;
    for (let k = 0; k < dim; k++) {
      const x = images[from + k];
      const x1 = images[from1 + k];
      const p = texts[t0 + k];
      const q = texts[t1 + k];
      const r = texts[t2 + k];
      const s = texts[t3 + k];
      a += x * p;
      b += x * q;
      c += x * r;
      d += x * s;
      a1 += x1 * p;
      b1 += x1 * q;
      c1 += x1 * r;
      d1 += x1 * s;
    }
    out[at + j] = a;
    out[at + j1] = b;
    out[at + j2] = c;
    out[at + j3] = d;
    out[at1 + j] = a1;
    out[at1 + j1] = b1;
    out[at1 + j2] = c1;
    out[at1 + j3] = d1;
  }
}

/** Range, maxima and hits of a matrix; the first of equal maxima wins, as in torch.argmax on one thread. */
export function summarize(values: Float64Array, rows: number, columns: number): Matrix {
  const rowTop = new Float64Array(rows).fill(Number.NEGATIVE_INFINITY);
  const columnTop = new Float64Array(columns).fill(Number.NEGATIVE_INFINITY);
  const rowBest = new Int32Array(rows);
  const columnBest = new Int32Array(columns);
  let low = values[0];
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const value = values[at];
      if (value < low) low = value;
      if (value > rowTop[i]) {
        rowTop[i] = value;
        rowBest[i] = j;
      }
      if (value > columnTop[j]) {
        columnTop[j] = value;
        columnBest[j] = i;
      }
    }
  const high = rowTop.reduce((most, value) => Math.max(most, value));
  const hits = (best: Int32Array) => best.reduce((sum, place, own) => sum + Number(place === own), 0);
  const [imageHits, textHits] = [hits(rowBest), hits(columnBest)];
  return { values, rows, columns, low, high, rowTop, columnTop, imageHits, textHits };
}

/** Both losses and what the views need. `weights` is room for one number per cell. */
export function analyse(matrix: Matrix, scale: number, bias: number, weights: Float64Array): Analysis {
  const { values, rows, columns, low, high } = matrix;
  const rowLse = new Float64Array(rows);
  const columnLse = new Float64Array(columns);
  // One exponential per cell, where its range allows.
  const shared = (high - low) * scale < 600 && high * scale + bias < 230;
  const sums = { rowLse, columnLse };
  let pairs = shared ? sumShared(matrix, scale, bias, weights, sums) : sumApart(matrix, scale, bias, sums);
  let infonce = Number.NaN;
  let sigmoid = Number.NaN;
  if (rows === columns) {
    infonce = 0;
    for (let i = 0; i < rows; i++) {
      const logit = values[i * columns + i] * scale;
      infonce += (rowLse[i] + columnLse[i]) / 2 - logit;
      pairs -= logit + bias;
    }
    infonce /= rows;
    sigmoid = pairs / rows;
  }
  return { scale, bias, shared, weights, rowLse, columnLse, infonce, sigmoid };
}

type Sums = Pick<Analysis, "rowLse" | "columnLse">;

/** Fills weights and sums; returns Σ log(1 + exp(logit + bias)), as the logarithm of products: a logarithm per cell
 * would cost more than all the rest. */
function sumShared(matrix: Matrix, scale: number, bias: number, weights: Float64Array, sums: Sums): number {
  const { values, rows, columns, high } = matrix;
  const { rowLse, columnLse } = sums;
  const top = high * scale;
  const lift = Math.exp(top + bias);
  // Two cells at a time: their exponentials do not wait for each other.
  const even = columns - (columns % 2);
  let pairs = 0;
  let product = 1;
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    let at = i * columns;
    for (let j = 0; j < even; j += 2, at += 2) {
      const e = fastExp((values[at] - high) * scale);
      const f = fastExp((values[at + 1] - high) * scale);
      weights[at] = e;
      weights[at + 1] = f;
      sum += e + f;
      columnLse[j] += e;
      columnLse[j + 1] += f;
      product *= (1 + e * lift) * (1 + f * lift);
      if (product > 1e100) {
        pairs += Math.log(product);
        product = 1;
      }
    }
    if (even < columns) {
      const e = fastExp((values[at] - high) * scale);
      weights[at] = e;
      sum += e;
      columnLse[even] += e;
      product *= 1 + e * lift;
    }
    rowLse[i] = top + Math.log(sum);
  }
  for (let j = 0; j < columns; j++) columnLse[j] = top + Math.log(columnLse[j]);
  return pairs + Math.log(product);
}

/** The same for logits too far apart for one common maximum. */
function sumApart(matrix: Matrix, scale: number, bias: number, { rowLse, columnLse }: Sums): number {
  const { values, rows, columns, rowTop, columnTop } = matrix;
  let pairs = 0;
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const logit = values[at] * scale;
      rowLse[i] += Math.exp(logit - rowTop[i] * scale);
      columnLse[j] += Math.exp(logit - columnTop[j] * scale);
      pairs += Math.max(logit + bias, 0) + Math.log1p(Math.exp(-Math.abs(logit + bias)));
    }
  for (let i = 0; i < rows; i++) rowLse[i] = rowTop[i] * scale + Math.log(rowLse[i]);
  for (let j = 0; j < columns; j++) columnLse[j] = columnTop[j] * scale + Math.log(columnLse[j]);
  return pairs;
}
