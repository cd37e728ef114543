import { Convolution, type Maps, placesOf } from "./convolution.ts";
import { add, relu } from "./functions.ts";
import type { Memory } from "./memory.ts";
import type { Weights } from "./weights.ts";

/** `BasicBlock` (He et al. 2016, fig. 2): two 3x3 convolutions and a shortcut. */
class BasicBlock {
  private readonly first: Convolution;
  private readonly second: Convolution;
  private readonly shortcut: Convolution | null;

  constructor(memory: Memory, weights: Weights, places: number, stride: number) {
    this.first = new Convolution(memory, weights, "conv_1", places, {
      norm: "norm_1",
      stride,
      rectified: true,
    });
    this.second = new Convolution(memory, weights, "conv_2", places, { norm: "norm_2" });
    this.shortcut = weights.has("shortcut.0.weight")
      ? new Convolution(memory, weights, "shortcut.0", places, { norm: "shortcut.1", stride })
      : null;
  }

  run(maps: Maps): Maps {
    const residual = this.second.run(this.first.run(maps));
    const around = this.shortcut?.run(maps) ?? maps;
    const length = placesOf(residual) * residual.channels;
    add(residual.tensor.data, around.tensor.data, length);
    relu(residual.tensor.data, length);
    return residual;
  }
}

/** `ConvNet` without its pooling: a convolution and stages of residual blocks, each stage at its own size. */
export class ConvNet {
  private readonly stem: Convolution;
  private readonly blocks: BasicBlock[] = [];

  /** size: side of the pictures; strides: of the stem, then of each stage's first block. */
  constructor(memory: Memory, weights: Weights, size: number, strides: readonly number[]) {
    let side = Math.ceil(size / strides[0]);
    this.stem = new Convolution(memory, weights, "stem.0", side * side, {
      norm: "stem.1",
      stride: strides[0],
      rectified: true,
    });
    strides.slice(1).forEach((stride, stage) => {
      side = Math.ceil(side / stride);
      for (let block = 0; weights.has(`stages.${stage}.${block}.conv_1.weight`); block++) {
        const own = weights.at(`stages.${stage}.${block}`);
        this.blocks.push(new BasicBlock(memory, own, side * side, block ? 1 : stride));
      }
    });
  }

  run(picture: Maps): Maps {
    return this.blocks.reduce((maps, block) => block.run(maps), this.stem.run(picture));
  }
}
