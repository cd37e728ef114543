import { Attention, type AttentionCall, type AttentionSizes } from "./attention.ts";
import { add, gelu } from "./functions.ts";
import { LayerNorm } from "./layer-norm.ts";
import { type Linear, linear } from "./linear.ts";
import type { Memory, Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

/** `Mlp`: two linear layers with a GELU between, over each row by itself. */
export class Mlp {
  private readonly expand: Linear;
  private readonly contract: Linear;

  constructor(memory: Memory, weights: Weights, rows: number) {
    this.expand = linear(memory, weights, "expand", rows);
    this.contract = linear(memory, weights, "contract", rows);
  }

  run(x: Tensor, rows: number): Tensor {
    const hidden = this.expand.run(x, rows);
    gelu(hidden.data, rows * this.expand.columns);
    return this.contract.run(hidden, rows);
  }
}

/** `EncoderBlock`: pre-norm transformer block (Dosovitskiy et al. 2021, eq. 2 and 3): tokens mix, then think. */
export class Block {
  readonly attention: Attention;
  private readonly firstNorm: LayerNorm;
  private readonly secondNorm: LayerNorm;
  private readonly mlp: Mlp;

  constructor(memory: Memory, weights: Weights, sizes: AttentionSizes) {
    this.firstNorm = new LayerNorm(memory, weights.at("norm_1"), sizes.tokens);
    this.attention = new Attention(memory, weights.at("attention"), sizes);
    this.secondNorm = new LayerNorm(memory, weights.at("norm_2"), sizes.tokens);
    this.mlp = new Mlp(memory, weights.at("mlp"), sizes.tokens);
  }

  /** Adds to the residual stream (T, D), in place. */
  run(stream: Tensor, tokens: number, call: AttentionCall = {}): void {
    const length = tokens * stream.shape[1];
    add(stream.data, this.attention.run(this.firstNorm.run(stream, tokens), tokens, call).data, length);
    add(stream.data, this.mlp.run(this.secondNorm.run(stream, tokens), tokens).data, length);
  }
}

/** The blocks of a tower, in their order. */
export function blocksOf(memory: Memory, weights: Weights, sizes: AttentionSizes): Block[] {
  const blocks: Block[] = [];
  while (weights.has(`blocks.${blocks.length}.norm_1.weight`))
    blocks.push(new Block(memory, weights.at(`blocks.${blocks.length}`), sizes));
  return blocks;
}
