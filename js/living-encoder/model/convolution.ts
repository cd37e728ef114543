import { relu } from "./functions.ts";
import { Linear, type Matrix } from "./linear.ts";
import type { Memory, Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

const EPSILON = 1e-5; // of nn.BatchNorm2d

/** Feature maps (count, height, width, channels): channels last, so that a place is one row. */
export interface Maps {
  count: number;
  height: number;
  width: number;
  channels: number;
  tensor: Tensor;
}

export const placesOf = ({ count, height, width }: Maps): number => count * height * width;

export interface ConvolutionOptions {
  /** Name of the batch normalisation behind it, which is folded into its weights. */
  norm?: string;
  stride?: number;
  /** Zeros around the maps; by default those that keep the size. */
  padding?: number;
  rectified?: boolean;
}

/** `nn.Conv2d`, as one matrix product: the numbers that a place sees, side by side, times the kernels. */
export class Convolution {
  private readonly side: number;
  private readonly stride: number;
  private readonly padding: number;
  private readonly rectified: boolean;
  private readonly columns: Tensor;
  private readonly product: Linear;

  /** places: how many the maps that come out have. */
  constructor(
    memory: Memory,
    weights: Weights,
    name: string,
    places: number,
    options: ConvolutionOptions = {},
  ) {
    const [, channels, side] = weights.shape(`${name}.weight`);
    this.side = side;
    this.stride = options.stride ?? 1;
    this.padding = options.padding ?? (side - 1) / 2;
    this.rectified = options.rectified ?? false;
    this.columns = memory.scratch(places * side * side * channels);
    this.product = new Linear(memory, places, matrixOf(weights, name, options.norm));
  }

  run(maps: Maps): Maps {
    const { side, stride, padding, product } = this;
    const size = (length: number) => Math.floor((length + 2 * padding - side) / stride) + 1;
    const [height, width] = [size(maps.height), size(maps.width)];
    const out = { count: maps.count, height, width, channels: product.columns };
    const whole = side === 1 && stride === 1;
    const columns = whole ? maps.tensor : this.gather(maps, height, width);
    const tensor = product.run(columns, out.count * height * width);
    if (this.rectified) relu(tensor.data, out.count * height * width * out.channels);
    return { ...out, tensor };
  }

  /** For each place of the result the (side, side, channels) numbers that it sees; zeros beyond the edge. */
  private gather(maps: Maps, rows: number, columns: number): Tensor {
    const { side, stride, padding } = this;
    const line = side * maps.channels;
    let at = 0;
    for (let map = 0; map < maps.count; map++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
          for (let dy = 0; dy < side; dy++, at += line)
            this.gatherLine(maps, map, row * stride - padding + dy, column * stride - padding, at);
    return this.columns;
  }

  /** One line of what a place sees: `side` neighbours of row y from column x on, which lie side by side. */
  private gatherLine(
    { height, width, channels, tensor }: Maps,
    map: number,
    y: number,
    x: number,
    at: number,
  ) {
    const [from, to] = [tensor.data, this.columns.data];
    const inside = y >= 0 && y < height;
    const first = inside ? Math.max(0, -x) : this.side;
    const last = inside ? Math.min(this.side, width - x) : this.side;
    const shift = ((map * height + y) * width + x) * channels - at;
    const start = at + first * channels;
    const stop = at + last * channels;
    const end = at + this.side * channels;
    for (let i = at; i < start; i++) to[i] = 0;
    for (let i = start; i < stop; i++) to[i] = from[i + shift];
    for (let i = stop; i < end; i++) to[i] = 0;
  }
}

/** The kernels (out, side, side, in) as a matrix, the batch normalisation behind them folded in: a fixed scale and shift
 * for each channel once the training is over (Ioffe and Szegedy 2015, algorithm 2). */
function matrixOf(weights: Weights, name: string, norm?: string): Matrix {
  const [out, channels, side] = weights.shape(`${name}.weight`);
  const kernels = weights.get(`${name}.weight`); // (out, in, side, side)
  const bias = weights.has(`${name}.bias`) ? weights.get(`${name}.bias`) : new Float32Array(out);
  const scale = new Float64Array(out).fill(1);
  if (norm) {
    const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      weights.get(`${norm}.${part}`),
    );
    for (let o = 0; o < out; o++) {
      scale[o] = gain[o] / Math.sqrt(variance[o] + EPSILON);
      bias[o] = shift[o] + (bias[o] - mean[o]) * scale[o];
    }
  }
  const weight = new Float32Array(kernels.length);
  const area = side * side;
  for (let o = 0; o < out; o++)
    for (let c = 0; c < channels; c++)
      for (let place = 0; place < area; place++)
        weight[(o * area + place) * channels + c] = kernels[(o * channels + c) * area + place] * scale[o];
  return { weight, bias, columns: out };
}
