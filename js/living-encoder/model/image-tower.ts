import type { Ablation, Facts } from "../engine.ts";
import { headKey } from "../engine.ts";
import { type Block, blocksOf } from "./block.ts";
import type { Maps } from "./convolution.ts";
import { norm } from "./functions.ts";
import { LayerNorm } from "./layer-norm.ts";
import type { Memory, Tensor } from "./memory.ts";
import { type Pooling, poolingOf } from "./pooling.ts";
import { type Positions, positionsOf } from "./positions.ts";
import { ConvNet } from "./residual.ts";
import { cutApart, STEMS, type Stem } from "./stems.ts";
import type { Weights } from "./weights.ts";

/** What the image tower must know beside its weights. */
export interface TowerFacts extends Facts {
  /** D of the tokens. */
  width: number;
  /** Of the pixels, for each channel: what the tower was trained with. */
  mean: number[];
  std: number[];
  /** Steps of a CNN: of its stem and of each stage. */
  strides: number[];
}

/** What a picture leaves on its way through the tower, before the projection. */
export interface Passage {
  pooled: Float32Array; // (D,)
  attention: Float32Array; // (L, H, T, T)
  /** After each block, as if the answer were read from each token alone: (L + 1, T, D). */
  each: Float32Array[];
  norms: Float32Array; // (L + 1, T)
}

/** `VisionTransformer`: a picture to one vector (D,): stem, class token, positions, blocks, norm, pooling. And `ConvNet`,
 * which is a stem with none of what follows but the mean. */
export class ImageTower {
  readonly width: number;
  private readonly facts: TowerFacts;
  private readonly stem: Stem;
  private readonly classToken: Float32Array | null;
  private readonly positions: Positions;
  private readonly blocks: Block[];
  private readonly norm: LayerNorm | null;
  private readonly pooling: Pooling;
  private readonly picture: Maps;
  private readonly pieces: Tensor;
  private readonly stream: Tensor; // (T, D)

  constructor(memory: Memory, weights: Weights, facts: TowerFacts) {
    const { imageSize, tokens, heads } = facts;
    this.facts = facts;
    this.stem = stemOf(memory, weights, facts);
    this.classToken = weights.has("class_token") ? weights.get("class_token") : null;
    this.positions = positionsOf(weights.at("position"), facts.prefix);
    this.blocks = blocksOf(memory, weights, { tokens, heads });
    this.norm = weights.has("norm.weight") ? new LayerNorm(memory, weights.at("norm"), tokens) : null;
    this.width = facts.width;
    this.pooling = poolingOf(facts.pooling, memory, weights.at("pooling"), {
      tokens,
      width: this.width,
      heads,
    });
    const pixels = [imageSize, imageSize, 3];
    const whole = { count: 1, height: imageSize, width: imageSize, channels: 3 };
    this.picture = { ...whole, tensor: memory.tensor(pixels) };
    this.pieces = memory.tensor(pixels);
    this.stream = memory.tensor([tokens, this.width]);
  }

  run(pixels: Float32Array, ablation: Ablation = {}): Passage {
    const { facts, stream } = this;
    this.enter(pixels, ablation);
    const each = [this.readOut()];
    const norms = [this.lengths()];
    const attention = new Float32Array(facts.layers * facts.heads * facts.tokens ** 2);
    this.blocks.forEach((block, layer) => {
      if (!ablation.layers?.has(layer)) {
        const off = (head: number) => ablation.heads?.has(headKey(layer, head)) ?? false;
        const rotation = this.positions.rotation(layer, ablation.positions);
        block.run(stream, facts.tokens, { off, rotation });
        attention.set(
          block.attention.map.data.subarray(0, facts.heads * facts.tokens ** 2),
          layer * facts.heads * facts.tokens ** 2,
        );
      }
      each.push(this.readOut());
      norms.push(this.lengths());
    });
    const pooled = this.pooling.pool(this.normed().data.subarray(0, facts.tokens * this.width));
    return { pooled, attention, each, norms: joined(norms) };
  }

  /** Pixels (3, S, S) to the residual stream: stem, class token, positions. */
  private enter(pixels: Float32Array, { stem = "whole", positions = "kept" }: Ablation): void {
    const { facts, picture, stream, width } = this;
    const start = facts.prefix * width;
    const end = facts.tokens * width;
    if (this.classToken) stream.data.set(this.classToken);
    stream.data.fill(0, start, end);
    if (stem !== "off") {
      takePixels(pixels, facts, picture.tensor.data);
      const seen = stem === "alone" ? cutApart(picture, facts.patchSize, this.pieces) : picture;
      placeTokens(this.stem.run(seen).data, stream.data.subarray(start, end), width, positions);
    }
    this.positions.add(stream.data, positions);
  }

  private normed(): Tensor {
    return this.norm?.run(this.stream, this.facts.tokens) ?? this.stream;
  }

  private readOut(): Float32Array {
    return this.pooling.each(this.normed()).slice(0, this.facts.tokens * this.width);
  }

  private lengths(): Float32Array {
    const { data } = this.stream;
    return Float32Array.from({ length: this.facts.tokens }, (_, token) =>
      norm(data.subarray(token * this.width, (token + 1) * this.width)),
    );
  }
}

function stemOf(memory: Memory, weights: Weights, facts: TowerFacts): Stem {
  if (facts.stem !== "cnn") return STEMS[facts.stem](memory, weights.at("patch_embed"), facts);
  const network = new ConvNet(memory, weights, facts.imageSize, facts.strides);
  return { run: (picture) => network.run(picture).tensor };
}

/** Planes from 0 to 1 (3, S, S) as the tower was trained with them, channels last. */
function takePixels(pixels: Float32Array, { mean, std }: TowerFacts, to: Float32Array): void {
  const area = pixels.length / 3;
  for (let channel = 0; channel < 3; channel++)
    for (let place = 0; place < area; place++)
      to[place * 3 + channel] = (pixels[channel * area + place] - mean[channel]) / std[channel];
}

/** Tokens (N, D) into the stream, in an order where one is given. */
function placeTokens(
  tokens: Float32Array,
  to: Float32Array,
  width: number,
  order: Ablation["positions"],
): void {
  const shuffled = typeof order === "string" ? undefined : order;
  for (let start = 0, place = 0; start < to.length; start += width, place++) {
    const from = (shuffled?.[place] ?? place) * width;
    to.set(tokens.subarray(from, from + width), start);
  }
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
