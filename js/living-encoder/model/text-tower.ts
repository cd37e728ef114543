import { type Block, blocksOf } from "./block.ts";
import { LayerNorm } from "./layer-norm.ts";
import type { Memory, Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

/** `TextTransformer`: numbers of words to one vector (D,): the one at the end sign, which has seen every word. */
export class TextTower {
  private readonly embedding: Float32Array; // (vocabulary, D)
  private readonly position: Float32Array; // (context, D)
  private readonly blocks: Block[];
  private readonly norm: LayerNorm;
  private readonly stream: Tensor; // (context, D)

  constructor(memory: Memory, weights: Weights, heads: number) {
    const [contextLength, width] = weights.shape("position");
    this.embedding = weights.get("token_embedding.weight");
    this.position = weights.get("position");
    this.blocks = blocksOf(memory, weights, { tokens: contextLength, heads, causal: true });
    this.norm = new LayerNorm(memory, weights.at("norm"), contextLength);
    this.stream = memory.tensor([contextLength, width]);
  }

  /** words: numbers (L,), the end sign last; no padding, which the end sign would not see. */
  run(words: readonly number[]): Float32Array {
    const { stream, embedding, position } = this;
    const width = stream.shape[1];
    words.forEach((word, place) => {
      for (let i = 0; i < width; i++)
        stream.data[place * width + i] = embedding[word * width + i] + position[place * width + i];
    });
    for (const block of this.blocks) block.run(stream, words.length);
    const encoded = this.norm.run(stream, words.length).data;
    return encoded.slice((words.length - 1) * width, words.length * width);
  }
}
