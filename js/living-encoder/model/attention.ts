import { softmax } from "./functions.ts";
import { closeUp, type Linear, layOut, linear } from "./linear.ts";
import { type Memory, roundUp, type Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

export interface AttentionSizes {
  /** T, the most that will come at once. */
  tokens: number;
  heads: number;
  /** Whether a token looks at itself and those before it only, as in a text tower. */
  causal?: boolean;
}

/** What is different for one call. */
export interface AttentionCall {
  /** Heads that add nothing. */
  off?: (head: number) => boolean;
  /** Cosines and sines (2, T, d/2), or (2, H, T, d/2), that turn queries and keys (RoPE). */
  rotation?: Float32Array | null;
}

/** `Attention`: multi-head self-attention (Vaswani et al. 2017, section 3.2.2) over tokens (T, D). */
export class Attention {
  /** (H, T, T) of the last call: how much each token (row) looks at each. */
  readonly map: Tensor;
  private readonly memory: Memory;
  private readonly sizes: AttentionSizes;
  private readonly width: number; // d, of a head
  private readonly queryKeyValue: Linear;
  private readonly projection: Linear;
  private readonly query: Tensor; // (T, d)
  private readonly panels: Tensor; // of the keys, then of the values
  private readonly zeros: Tensor;
  private readonly scores: Tensor;
  private readonly mixed: Tensor; // (T, D)

  constructor(memory: Memory, weights: Weights, sizes: AttentionSizes) {
    const { tokens, heads } = sizes;
    this.memory = memory;
    this.sizes = sizes;
    this.queryKeyValue = linear(memory, weights, "query_key_value", tokens);
    this.projection = linear(memory, weights, "projection", tokens);
    this.width = this.projection.inner / heads;
    const longest = roundUp(Math.max(tokens, this.width), 8);
    this.query = memory.tensor([tokens, this.width]);
    this.panels = memory.tensor([longest, Math.max(tokens, this.width)]);
    this.zeros = memory.tensor([longest]);
    this.scores = memory.tensor([tokens, longest]);
    this.mixed = memory.tensor([tokens, this.projection.inner]);
    this.map = memory.tensor([heads, tokens, tokens]);
  }

  run(input: Tensor, tokens: number, { off, rotation = null }: AttentionCall = {}): Tensor {
    const joint = this.queryKeyValue.run(input, tokens).data; // (T, 3 D)
    const [width, inner] = [this.width, this.projection.inner];
    for (let head = 0; head < this.sizes.heads; head++) {
      this.take(joint, tokens, head * width, this.query.data);
      const key = this.take(joint, tokens, inner + head * width);
      if (rotation) for (const part of [this.query.data, key]) rotate(part, rotation, tokens, width, head);
      this.look(key, tokens, head);
      const value = this.take(joint, tokens, 2 * inner + head * width);
      this.mix(value, tokens, head, off?.(head) ?? false);
    }
    return this.projection.run(this.mixed, tokens);
  }

  /** One head's part (T, d) of the joint queries, keys and values (T, 3 D), which begins at a column. */
  private take(
    joint: Float32Array,
    tokens: number,
    column: number,
    to: Float32Array = new Float32Array(tokens * this.width),
  ) {
    const line = 3 * this.projection.inner;
    for (let token = 0; token < tokens; token++)
      for (let i = 0; i < this.width; i++) to[token * this.width + i] = joint[token * line + column + i];
    return to;
  }

  /** softmax(Q Kᵀ / √d), eq. 1, into the head's part of the map. */
  private look(key: Float32Array, tokens: number, head: number): void {
    const { query, panels, zeros, scores, width } = this;
    const stride = roundUp(tokens, 8);
    const scale = width ** -0.5;
    for (let i = 0; i < tokens * width; i++) query.data[i] *= scale;
    layOut(key, width, panels.data);
    const { kernel } = this.memory;
    kernel.multiply(query.data, panels.data, zeros.data, scores.data, tokens, width, stride / 8, stride);
    closeUp(scores.data, tokens, stride, tokens);
    const map = this.mapOf(head, tokens);
    map.set(scores.data.subarray(0, tokens * tokens));
    for (let row = 0; row < tokens; row++) {
      const seen = this.sizes.causal ? row + 1 : tokens;
      softmax(map, row * tokens, seen);
      map.fill(0, row * tokens + seen, (row + 1) * tokens);
    }
  }

  /** The values (T, d) as the head mixes them, into its columns of `mixed` (T, D). */
  private mix(value: Float32Array, tokens: number, head: number, off: boolean): void {
    const { panels, zeros, scores, mixed, width } = this;
    const [stride, inner] = [roundUp(width, 8), this.projection.inner];
    const flipped = new Float32Array(value.length); // (d, T)
    for (let token = 0; token < tokens; token++)
      for (let i = 0; i < width; i++) flipped[i * tokens + token] = off ? 0 : value[token * width + i];
    layOut(flipped, tokens, panels.data);
    const { kernel } = this.memory;
    const map = this.mapOf(head, tokens);
    kernel.multiply(map, panels.data, zeros.data, scores.data, tokens, tokens, stride / 8, stride);
    for (let token = 0; token < tokens; token++)
      for (let i = 0; i < width; i++)
        mixed.data[token * inner + head * width + i] = scores.data[token * stride + i];
  }

  private mapOf(head: number, tokens: number): Float32Array {
    return this.map.data.subarray(head * tokens * tokens, (head + 1) * tokens * tokens);
  }
}

/** Turns every pair of neighbours among the channels of `part` (T, d) by its angle (Su et al. 2021, eq. 34). */
function rotate(
  part: Float32Array,
  rotation: Float32Array,
  tokens: number,
  width: number,
  head: number,
): void {
  const pairs = (tokens * width) / 2;
  const half = rotation.length / 2; // cosines, then sines
  const start = half > pairs ? head * pairs : 0;
  for (let pair = 0; pair < pairs; pair++) {
    const [cos, sin] = [rotation[start + pair], rotation[half + start + pair]];
    const [x, y] = [part[2 * pair], part[2 * pair + 1]];
    part[2 * pair] = x * cos - y * sin;
    part[2 * pair + 1] = x * sin + y * cos;
  }
}
