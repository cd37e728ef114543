import { Mlp } from "./block.ts";
import { add, softmax } from "./functions.ts";
import { LayerNorm } from "./layer-norm.ts";
import { linear } from "./linear.ts";
import type { Memory, Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

export interface Pooling {
  /** Tokens (T, D) to one vector (D,). */
  pool(tokens: Float32Array): Float32Array;
  /** Each token (T, D) to what the pooling would make of it alone, (T, D). */
  each(tokens: Tensor): Float32Array;
}

export interface PoolingSizes {
  /** T */
  tokens: number;
  /** D */
  width: number;
  heads: number;
}

/** `ClassTokenPooling`: the first token. */
const classToken = (width: number): Pooling => ({
  pool: (tokens) => tokens.slice(0, width),
  each: ({ data }) => data,
});

/** `MeanPooling`: the mean of all tokens. */
const mean = (width: number): Pooling => ({
  pool(tokens) {
    const sum = new Float64Array(width);
    for (let i = 0; i < tokens.length; i++) sum[i % width] += tokens[i];
    return Float32Array.from(sum, (value) => (value * width) / tokens.length);
  },
  each: ({ data }) => data,
});

/** `AttentionPooling`: one learned query attends to all tokens, then a residual MLP (the MAP head of SigLIP). */
function attentionPooling(memory: Memory, weights: Weights, { tokens, width, heads }: PoolingSizes): Pooling {
  const query = linear(memory, weights, "query", 1);
  const keyValue = linear(memory, weights, "key_value", tokens);
  const projection = linear(memory, weights, "projection", tokens);
  const norm = new LayerNorm(memory, weights.at("norm"), tokens);
  const mlp = new Mlp(memory, weights.at("mlp"), tokens);
  const latent = memory.tensor([1, width], (data) => data.set(weights.get("latent")));
  const input = memory.tensor([tokens, width]);

  /** Values (rows, D), as they came out of the attention, through the rest. */
  const finish = (values: Float32Array, rows: number): Float32Array => {
    input.data.set(values);
    const pooled = projection.run(input, rows);
    const result = pooled.data.slice(0, rows * width);
    add(result, mlp.run(norm.run(pooled, rows), rows).data, rows * width);
    return result;
  };
  const joint = (data: Float32Array, rows: number) => {
    input.data.set(data.subarray(0, rows * width));
    return keyValue.run(input, rows).data; // (rows, 2 D): key, value
  };
  return {
    pool(data) {
      const rows = data.length / width;
      const both = joint(data, rows);
      const mixed = mixedBy(query.run(latent, 1).data, both, { rows, width, heads });
      return finish(mixed, 1);
    },
    each({ data }) {
      const both = joint(data, tokens);
      const values = new Float32Array(tokens * width);
      for (let token = 0; token < tokens; token++)
        values.set(both.subarray((2 * token + 1) * width, (2 * token + 2) * width), token * width);
      return finish(values, tokens);
    },
  };
}

/** What one query (D,) takes of keys and values (rows, 2 D), head by head. */
function mixedBy(
  query: Float32Array,
  both: Float32Array,
  { rows, width, heads }: { rows: number; width: number; heads: number },
): Float32Array {
  const mixed = new Float32Array(width);
  const [own, weights] = [width / heads, new Float32Array(rows)];
  for (let start = 0; start < width; start += own) {
    for (let row = 0; row < rows; row++) {
      let score = 0;
      for (let i = start; i < start + own; i++) score += query[i] * both[2 * row * width + i];
      weights[row] = score * own ** -0.5;
    }
    softmax(weights, 0, rows);
    for (let row = 0; row < rows; row++)
      for (let i = start; i < start + own; i++) mixed[i] += weights[row] * both[(2 * row + 1) * width + i];
  }
  return mixed;
}

/** The read-out called "cls", "mean" or "map". */
export function poolingOf(name: string, memory: Memory, weights: Weights, sizes: PoolingSizes): Pooling {
  if (name === "cls") return classToken(sizes.width);
  return name === "mean" ? mean(sizes.width) : attentionPooling(memory, weights, sizes);
}
