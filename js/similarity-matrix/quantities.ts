import type { Analysis, Matrix } from "./numbers.ts";

/** What the formulas of the views in constants.json are made of, for one cell; `QUANTITIES` of Python's
 * similarity_matrix/numbers.py has the same for all cells at once. */
export type Quantity = (matrix: Matrix, now: Analysis, row: number, column: number) => number;

export const similarity: Quantity = ({ values, columns }, _, i, j) => values[i * columns + j];

/** Similarity / temperature. */
export const logit: Quantity = (matrix, now, i, j) => similarity(matrix, now, i, j) * now.scale;

/** The softmax of a row: P(text | image). */
export const overTexts: Quantity = (matrix, now, i, j) => Math.exp(logit(matrix, now, i, j) - now.rowLse[i]);

/** The softmax of a column: P(image | text). */
export const overImages: Quantity = (matrix, now, i, j) =>
  Math.exp(logit(matrix, now, i, j) - now.columnLse[j]);

/** σ(logit + bias). */
export const pair: Quantity = (matrix, now, i, j) => 1 / (1 + Math.exp(-logit(matrix, now, i, j) - now.bias));

/** 1 where image and text belong together, else 0. */
export const own: Quantity = (_matrix, _now, i, j) => Number(i === j);

/** N. */
export const count: Quantity = ({ rows }) => rows;
