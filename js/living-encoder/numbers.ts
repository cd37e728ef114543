import type { Facts, ImageAnswer } from "./engine.ts";

/** The mean over all heads of a layer. */
export const ALL_HEADS = -1;

/** What a token gives to each patch in a layer: (N,). */
export function attentionRow(
  { attention }: ImageAnswer,
  { heads, tokens, prefix }: Facts,
  layer: number,
  head: number,
  query: number,
): Float32Array {
  const row = new Float32Array(tokens - prefix);
  const chosen = head === ALL_HEADS ? Array.from({ length: heads }, (_, k) => k) : [head];
  for (const one of chosen) {
    const start = ((layer * heads + one) * tokens + query) * tokens + prefix;
    for (let patch = 0; patch < row.length; patch++) row[patch] += attention[start + patch] / chosen.length;
  }
  return row;
}

/** The tokens' answers after so many layers: (T, D). */
export function lensAt({ lens }: ImageAnswer, { tokens, dim }: Facts, depth: number): Float32Array {
  const size = tokens * dim;
  return lens.subarray(depth * size, (depth + 1) * size);
}

/** The place of the largest value. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  return sum / values.length;
}

/** Lowest and highest value of all lists. */
export function span(...lists: ArrayLike<number>[]): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const list of lists)
    for (let k = 0; k < list.length; k++) {
      low = Math.min(low, list[k]);
      high = Math.max(high, list[k]);
    }
  return [low, high];
}

/** An order of `count` things in which none stands where it stood; the same for the same seed. */
export function shuffledOrder(count: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, k) => k);
  let state = (seed * 2654435761 + 1) >>> 0;
  // Sattolo's shuffle: one single cycle.
  for (let k = count - 1; k > 0; k--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * k);
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}

/** A share in per cent, with more digits near 0. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 9.95 || value < 0.05 ? Math.round(value) : value.toFixed(1)}%`;
}
