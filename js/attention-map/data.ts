/** What Python sends: `about` with the page, blocks of weights when they are asked for. */

export type Grid = [rows: number, columns: number];

export interface Layer {
  name: string;
  heads: number;
  /** Of the queries. */
  grid: Grid;
  /** Of the maps, which may be finer. */
  keys: Grid;
}

/** One model. */
export interface ModelMaps {
  name: string;
  /** How many tokens stand before the patches, and what they are, where that is known. */
  prefix: number;
  tokens?: string[];
  signed: boolean;
  rollout: boolean;
  layers: Layer[];
  pooling: Layer | null;
}

export interface Photo {
  url: string;
  width: number;
  height: number;
}

export interface About {
  kind: "attention" | "similarity" | "receptive field";
  sides: ModelMaps[];
  count: number;
  images: Photo[];
  bytes: number;
  /** Whether all layers come by themselves. */
  all: boolean;
  /** Names of the heads; none where they are numbered. */
  heads: string[];
  /** What is said of a sentence's map, by picture and sentence. */
  notes?: string[][];
}

/** One layer of one picture, as `QuantizedMaps` in attention_map/numbers.py packs it. */
export interface QuantizedMaps {
  scales: Float32Array;
  prefix: Uint16Array;
  values: Uint8Array;
  heads: number;
  queries: number;
  tokens: number;
  cells: number;
  signed: boolean;
  /** The mean over the heads, once it was needed. */
  mixed?: Float32Array;
  /** Mean attention distance of each head. */
  reach?: number[];
}

/** Reads scales, prefix and values from the bytes of a layer with `tokens` prefix tokens. */
export function readQuantizedMaps(
  buffer: ArrayBuffer,
  { heads, grid, keys }: Layer,
  tokens: number,
  signed: boolean,
  queries = tokens + grid[0] * grid[1],
): QuantizedMaps {
  const rows = heads * queries;
  return {
    scales: new Float32Array(buffer, 0, rows),
    prefix: new Uint16Array(buffer, rows * 4, rows * tokens),
    values: new Uint8Array(buffer, rows * (4 + 2 * tokens)),
    heads,
    queries,
    tokens,
    cells: keys[0] * keys[1],
    signed,
  };
}
