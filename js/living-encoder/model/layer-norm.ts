import type { Memory, Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

const EPSILON = 1e-6; // LAYER_NORM_EPS in vizkit/models/attention.py

/** `nn.LayerNorm`: each row to mean 0 and variance 1, times a weight, plus a bias. */
export class LayerNorm {
  readonly output: Tensor;
  private readonly weight: Float32Array;
  private readonly bias: Float32Array;

  constructor(memory: Memory, weights: Weights, rows: number) {
    this.weight = weights.get("weight");
    this.bias = weights.get("bias");
    this.output = memory.tensor([rows, this.weight.length]);
  }

  /** (rows, D) to (rows, D), in `output`. */
  run({ data }: Tensor, rows: number): Tensor {
    const { weight, bias, output } = this;
    const width = weight.length;
    for (let start = 0; start < rows * width; start += width) {
      let mean = 0;
      for (let i = 0; i < width; i++) mean += data[start + i];
      mean /= width;
      let variance = 0;
      for (let i = 0; i < width; i++) variance += (data[start + i] - mean) ** 2;
      const scale = 1 / Math.sqrt(variance / width + EPSILON);
      for (let i = 0; i < width; i++)
        output.data[start + i] = (data[start + i] - mean) * scale * weight[i] + bias[i];
    }
    return output;
  }
}
