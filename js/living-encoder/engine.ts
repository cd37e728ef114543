/** What the instrument asks of the encoder that runs in the browser. `openEngine` in `model/index.ts` makes one of what
 * Python sends; several views of one widget share it. Every array that comes back is the caller's own. */

/** What is switched off. Left out, nothing is. */
export interface Ablation {
  /** Heads of attention that add nothing, as `headKey(layer, head)`. */
  heads?: ReadonlySet<string>;
  /** Blocks that pass the tokens on as they are. */
  layers?: ReadonlySet<number>;
  /** "none": no token is told where it is. An order of the patches (N,): the token of patch `order[n]` is told that
   * it stands at patch n, so that the picture arrives shuffled. */
  positions?: "kept" | "none" | ArrayLike<number>;
  /** "alone": every patch goes through the stem by itself, as if nothing stood around it. "off": the stem says
   * nothing, and what follows it has the positions only. */
  stem?: "whole" | "alone" | "off";
}

export const headKey = (layer: number, head: number): string => `${layer},${head}`;

/** One picture's way through the encoder. L blocks, H heads, T tokens (prefix, then patches row by row). */
export interface ImageAnswer {
  /** (D,): what captions are compared with, a unit vector for an encoder with captions. */
  feature: Float32Array;
  /** (L, H, T, T): how much each token (row) looks at each. Empty for a CNN. */
  attention: Float32Array;
  /** (L + 1, T, D): every token after each block (the first: before all) through the last norm and the projection, as
   * if it were the answer. The logit lens; unit vectors where `feature` is one. */
  lens: Float32Array;
  /** (L + 1, T): how long the residual stream is. */
  norms: Float32Array;
}

/** What a picture is compared with: one vector for each caption, or for each label of an encoder taught with labels. */
export interface Readings {
  names: string[];
  /** (M, D) */
  vectors: Float32Array;
  /** (M,): added to each score. */
  bias: Float32Array;
  /** For each caption its words, in order, and whether the encoder ever saw them. A caption of which it knows no
   * word gets a vector that means nothing. */
  words: { word: string; known: boolean }[][];
}

export interface Facts {
  name: string;
  /** "vit" or "cnn". A CNN is a stem with no blocks: L = 0, its tokens are the cells of the last map. */
  kind: "vit" | "cnn";
  /** Side of the picture in pixels. */
  imageSize: number;
  /** Side of a patch in pixels; for a CNN, of what a cell of the last map stands for. */
  patchSize: number;
  /** Patches: rows, columns. */
  grid: [rows: number, columns: number];
  layers: number;
  heads: number;
  /** T = prefix + rows * columns. */
  tokens: number;
  /** Tokens before the patches: 1 with a class token, else 0. */
  prefix: number;
  pooling: "cls" | "mean" | "map";
  /** Whether the stem looks beyond the patch ("convolution", "residual" or that of a CNN), so that "alone" differs. */
  stem: "patch" | "convolution" | "residual" | "cnn";
  /** Whether tokens are told where they are, so that something can be switched off. */
  positions: boolean;
  /** D */
  dim: number;
  /** What a cosine is multiplied by: 1 / temperature. 1 for labels. */
  logitScale: number;
  /** Of a sigmoid loss (SigLIP): probabilities are each caption's own. null: they share 1 (softmax). */
  logitBias: number | null;
  /** Known words, in the order of their numbers; empty for an encoder without captions. */
  vocabulary: string[];
  /** What an encoder taught with labels tells apart; empty for one with captions. */
  labels: { name: string; labels: string[] }[];
  /** Number of weights. */
  parameters: number;
  /** Bytes of weights that travelled. */
  bytes: number;
  /** Whether the WebAssembly kernel runs ("simd") or plain TypeScript ("plain"). */
  kernel: "simd" | "plain";
}

export interface Engine {
  facts: Facts;
  /** pixels: (3, S, S), red, green, blue planes from 0 to 1. Throws a RangeError for another length. */
  image(pixels: Float32Array, ablation?: Ablation): ImageAnswer;
  /** Captions through the text tower. Throws for an encoder without one. */
  text(captions: readonly string[]): Readings;
  /** The labels of `facts.labels[head]`. Throws for an encoder with captions. */
  labels(head: number): Readings;
  /** Scores (n, M) of vectors (n, D), such as `feature` or rows of `lens`: scale · cosine + bias. */
  scores(vectors: Float32Array, readings: Readings): Float32Array;
  /** Scores (n, M) as probabilities: softmax along M, or each by its own sigmoid. */
  probabilities(scores: Float32Array, count: number): Float32Array;
}
