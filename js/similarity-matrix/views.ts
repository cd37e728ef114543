import { similarityViews } from "../../vizkit/constants.json";
import type { ColorMap } from "../shared/color.ts";
import { roundTicks } from "../shared/numbers.ts";
import type { Analysis, Matrix } from "./numbers.ts";

/** A view: one formula per cell. The list stands in constants.json, for Python, too; its formulas stand here. */
export interface MatrixView {
  name: string;
  /** What the colours mean; "{measure}" is "cosine" or "similarity". */
  symbol: string;
  colormap: ColorMap;
  /** Values on both sides of zero. */
  signed: boolean;
  /** Needs one text for each image. */
  paired: boolean;
  /** Depends on the bias. */
  biased: boolean;
  /** Depends on the temperature. */
  heated: boolean;
  value(matrix: Matrix, now: Analysis, row: number, column: number): number;
}

type Formula = MatrixView["value"];

const logit: Formula = ({ values, columns }, { scale }, i, j) => values[i * columns + j] * scale;
const overTexts: Formula = (matrix, now, i, j) => Math.exp(logit(matrix, now, i, j) - now.rowLse[i]);
const overImages: Formula = (matrix, now, i, j) => Math.exp(logit(matrix, now, i, j) - now.columnLse[j]);
const pair: Formula = (matrix, now, i, j) => 1 / (1 + Math.exp(-logit(matrix, now, i, j) - now.bias));
const own = (i: number, j: number) => Number(i === j);

/** The gradients are those of the batch's loss with respect to the logit, cosine / temperature (+ bias). */
const FORMULAS: Record<string, Formula> = {
  cosine: ({ values, columns }, _, i, j) => values[i * columns + j],
  "softmax over texts": overTexts,
  "softmax over images": overImages,
  sigmoid: pair,
  "gradient of InfoNCE": (matrix, now, i, j) =>
    ((overTexts(matrix, now, i, j) + overImages(matrix, now, i, j)) / 2 - own(i, j)) / matrix.rows,
  "gradient of sigmoid": (matrix, now, i, j) => (pair(matrix, now, i, j) - own(i, j)) / matrix.rows,
};

export const VIEWS: readonly MatrixView[] = similarityViews.map((view) => ({
  ...view,
  colormap: view.colormap as ColorMap,
  value: FORMULAS[view.name],
}));

/** The similarity itself, from which every other view is computed. */
export const SIMILARITY = VIEWS.find(({ name }) => name === "cosine")!;

/** The view of a name; the similarity, where an older page names one that is gone. */
export function viewOf(name: string): MatrixView {
  return VIEWS.find((view) => view.name === name) ?? SIMILARITY;
}

/** Marks of the colour bar: places from 0 to 1, and their numbers. The similarity's colours run between its ends. Those
 * of every other view run from 0 to 1, or with a sign from −1/N to 1/N, with the square root of the size, so that the
 * scale stays put while the temperature moves. */
export function ticksOf(view: MatrixView, [low, high]: [number, number], rows: number): [number, number][] {
  if (view === SIMILARITY)
    return roundTicks(low, high).map((value) => [(value - low) / (high - low || 1), value]);
  if (!view.signed) return [0, 0.01, 0.1, 0.3, 0.6, 1].map((share) => [Math.sqrt(share), share]);
  const place = (share: number) => 0.5 + (Math.sign(share) * Math.sqrt(Math.abs(share))) / 2;
  return [-1, -0.3, -0.05, 0, 0.05, 0.3, 1].map((share) => [place(share), share / rows]);
}
