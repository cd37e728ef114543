import type { Frame } from "../shared/frame.ts";
import type { Arrivals } from "./arrivals.ts";
import type { About, QuantizedMaps } from "./data.ts";
import {
  EVERY,
  overHeads,
  receivedOverHeads,
  receivedWeights,
  rolloutColumn,
  rolloutRow,
  rowWeights,
} from "./numbers.ts";
import { POOLING, tokenAt } from "./places.ts";
import { LARGEST, ONE_HEAD, ROLLOUT, type Selection } from "./selection.ts";

export type Rows = ReturnType<typeof openRows>;

/** The weights on view. */
export function openRows({ get }: Frame, { sides }: About, selection: Selection, { blockOf }: Arrivals) {
  const { layerOf, headOf, shown, received } = selection;
  /** What is on view in a layer of a model; `query` is `EVERY` where all are, and -1 where the layer has none. */
  const viewOf = (s: number, at = layerOf(s)) => {
    const layer = sides[s].layers[at];
    const now = shown();
    const query = now ? tokenAt(now, layer, sides[s].prefix) : received() ? EVERY : -1;
    return { at, layer, now, query, block: blockOf(s, at), mode: get("mode") as string };
  };
  /** Blocks from the first layer to that on view, or null while one is missing. */
  const below = (s: number, at: number): QuantizedMaps[] | null => {
    const found = sides[s].layers.slice(0, at + 1).flatMap((_, index) => blockOf(s, index) ?? []);
    return found.length > at ? found : null;
  };
  /** What a query gives. */
  const givenBy = (s: number, query: number): Float64Array | null => {
    const { at, block, mode } = viewOf(s);
    if (!block || query < 0) return null;
    if (mode === ONE_HEAD) return rowWeights(block, headOf(s), query);
    if (mode !== ROLLOUT) return overHeads(block, query, mode === LARGEST);
    const blocks = below(s, at);
    return blocks && rolloutRow(blocks, query);
  };
  const receivedBy = (s: number, key: number): Float64Array | null => {
    const { at, block, mode } = viewOf(s);
    if (!block || key === -1) return null;
    if (mode === ONE_HEAD) return receivedWeights(block, headOf(s), key);
    if (mode !== ROLLOUT) return receivedOverHeads(block, key, mode === LARGEST);
    const blocks = below(s, at);
    return blocks && (key < 0 ? rolloutRow : rolloutColumn)(blocks, key);
  };
  /** The map on view of a model, or null while a layer is missing. */
  const rowOf = (s: number): Float64Array | null => {
    const { now, query, mode } = viewOf(s);
    const pool = blockOf(s, "pooling");
    if (now?.token !== POOLING || !pool) return (received() ? receivedBy : givenBy)(s, query);
    if (received()) return null;
    if (mode !== ONE_HEAD) return overHeads(pool, 0, mode === LARGEST);
    return rowWeights(pool, Math.min(get("head"), pool.heads - 1), 0);
  };
  /** The largest weight on a patch of the query's map in one head. */
  const limitOf = (block: QuantizedMaps, head: number, token: number): number => {
    if (!received()) return block.scales[head * block.queries + token];
    return receivedWeights(block, head, token)
      .subarray(block.tokens)
      .reduce((most, value) => Math.max(most, value), 0);
  };
  return {
    viewOf,
    rowOf,
    limitOf,
    givenBy,
    canRoll: (s: number) => !!below(s, layerOf(s)),
    /** The largest weight of the query's maps in all heads that are here, of all models. */
    sharedLimit(): number {
      let most = 0;
      for (const [s, side] of sides.entries())
        for (const index of side.layers.keys()) {
          const { block, query } = viewOf(s, index);
          if (!block || query === -1) continue;
          for (let head = 0; head < block.heads; head++) most = Math.max(most, limitOf(block, head, query));
        }
      return most;
    },
  };
}
