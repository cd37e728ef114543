import VIEW_LIST from "../../vizkit/constants.json?views";
import type { ColorMap } from "../shared/color.ts";
import { roundTicks } from "../shared/numbers.ts";
import type { Quantity } from "./quantities.ts";

/** A view: one formula per cell. The list stands in constants.json, which Python reads, too; the gradients are those of
 * the batch's loss with respect to the logit, cosine / temperature (+ bias). */
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
  value: Quantity;
}

export const VIEWS: readonly MatrixView[] = VIEW_LIST;

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
