import type { Frame } from "../shared/frame.ts";
import type { Arrivals } from "./arrivals.ts";
import type { About, Block } from "./data.ts";
import { columnWeights, overHeads, rolloutColumn, rolloutRow, rowWeights } from "./numbers.ts";
import { POOLING, tokenAt } from "./places.ts";
import { LARGEST, ONE_HEAD, ROLLOUT, type Selection } from "./selection.ts";

export type Rows = ReturnType<typeof openRows>;

/** The weights on view. */
export function openRows({ get }: Frame, { sides }: About, selection: Selection, { blockOf }: Arrivals) {
  const { layerOf, headOf, shown, received } = selection;
  /** What is on view in a layer of a model; `query` is -1 where the layer has none. */
  const viewOf = (s: number, at = layerOf(s)) => {
    const layer = sides[s].layers[at];
    const now = shown();
    const query = now ? tokenAt(now, layer, sides[s].prefix) : -1;
    return { at, layer, now, query, block: blockOf(s, at), mode: get("mode") as string };
  };
  /** Blocks from the first layer to that on view, or null while one is missing. */
  const below = (s: number, at: number): Block[] | null => {
    const found = sides[s].layers.slice(0, at + 1).flatMap((_, index) => blockOf(s, index) ?? []);
    return found.length > at ? found : null;
  };
  const weightsOf = (s: number, token: number, columns: boolean): Float64Array | null => {
    const { at, block, mode } = viewOf(s);
    if (!block || token < 0) return null;
    const weights = columns ? columnWeights : rowWeights;
    if (mode === ONE_HEAD) return weights(block, headOf(s), token);
    if (mode !== ROLLOUT) return overHeads(block, token, mode === LARGEST, weights);
    const blocks = below(s, at);
    return blocks && (columns ? rolloutColumn : rolloutRow)(blocks, token);
  };
  /** The map on view of a model, or null while a layer is missing. */
  const rowOf = (s: number): Float64Array | null => {
    const { now, query, mode } = viewOf(s);
    const pool = blockOf(s, "pooling");
    if (now?.token !== POOLING || !pool) return weightsOf(s, query, received());
    if (received()) return null;
    if (mode !== ONE_HEAD) return overHeads(pool, 0, mode === LARGEST);
    return rowWeights(pool, Math.min(get("head"), pool.heads - 1), 0);
  };
  const columnLimit = (block: Block, head: number, token: number) =>
    columnWeights(block, head, token)
      .subarray(block.tokens)
      .reduce((most, value) => Math.max(most, value), 0);
  /** The largest weight of the query's map in one head. */
  const limitOf = (block: Block, head: number, token: number) =>
    received() ? columnLimit(block, head, token) : block.scales[head * block.queries + token];
  return {
    viewOf,
    rowOf,
    limitOf,
    /** The row of a query, whatever direction is on view. */
    paidBy: (s: number, query: number) => weightsOf(s, query, false),
    canRoll: (s: number) => !!below(s, layerOf(s)),
    /** The largest weight of the query's maps in all heads that are here, of all models. */
    sharedLimit(): number {
      let most = 0;
      for (const [s, side] of sides.entries())
        for (const index of side.layers.keys()) {
          const { block, query } = viewOf(s, index);
          if (!block || query < 0) continue;
          for (let head = 0; head < block.heads; head++) most = Math.max(most, limitOf(block, head, query));
        }
      return most;
    },
  };
}
