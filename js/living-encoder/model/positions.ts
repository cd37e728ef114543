import type { Ablation } from "../engine.ts";
import type { Weights } from "./weights.ts";

/** Where the tokens are told that they stand: numbers (T, D) to add, rotations of a block's queries and keys, or neither. */
export interface Positions {
  /** Adds what the tokens (T, D) are told. "none": each patch is told the mean of all places, and is not turned. */
  add(tokens: Float32Array, told: Ablation["positions"]): void;
  /** Cosines and sines of a block, (2, T, d/2) or (2, H, T, d/2). */
  rotation(layer: number, told: Ablation["positions"]): Float32Array | null;
}

/** From `table` (T, D) and `rotations.<layer>`, as Python wrote them for every kind of position embedding alike. */
export function positionsOf(weights: Weights, prefix: number): Positions {
  const table = weights.has("table") ? weights.get("table") : null;
  const same = table && levelled(table, weights.shape("table")[1], prefix);
  const rotations: Float32Array[] = [];
  while (weights.has(`rotations.${rotations.length}`))
    rotations.push(weights.get(`rotations.${rotations.length}`));
  return {
    add(tokens, told) {
      const chosen = told === "none" ? same : table;
      if (chosen) for (let i = 0; i < chosen.length; i++) tokens[i] += chosen[i];
    },
    rotation: (layer, told) => (told === "none" ? null : (rotations[layer] ?? null)),
  };
}

/** The table with the mean of its patches in place of each: what all tokens share stays, their places go. */
function levelled(table: Float32Array, width: number, prefix: number): Float32Array {
  const mean = new Float64Array(width);
  const patches = table.length / width - prefix;
  const start = prefix * width;
  for (let i = start; i < table.length; i++) mean[i % width] += table[i] / patches;
  return table.map((value, i) => (i < start ? value : mean[i % width]));
}

/** Whether `order` names each of `count` patches once. */
export function isOrder(order: ArrayLike<number>, count: number): boolean {
  const patches = new Set(Array.from(order));
  const inside = (patch: number) => Number.isInteger(patch) && patch >= 0 && patch < count;
  return order.length === count && patches.size === count && [...patches].every(inside);
}
