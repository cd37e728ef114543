import { type Memory, roundUp, type Tensor } from "./memory.ts";
import type { Weights } from "./weights.ts";

/** `nn.Linear`: every row x (inner,) becomes x Wᵀ + b (columns,). W (columns, inner) lies in panels of 8 columns. */
export class Linear {
  readonly columns: number;
  readonly inner: number;
  readonly output: Tensor;
  private readonly memory: Memory;
  private readonly weight: Tensor;
  private readonly bias: Tensor;

  /** rows: the most that will come at once. */
  constructor(memory: Memory, rows: number, { weight, bias, columns }: Matrix) {
    this.memory = memory;
    this.columns = columns;
    const stride = roundUp(columns, 8);
    this.inner = weight.length / columns;
    this.output = memory.tensor([rows, stride]);
    this.weight = memory.tensor([stride, this.inner], (data) => layOut(weight, this.inner, data));
    this.bias = memory.tensor([stride], (data) => data.set(bias));
  }

  /** (rows, inner) to (rows, columns), in `output`. */
  run(x: Tensor, rows: number): Tensor {
    const { columns, inner, output } = this;
    const stride = roundUp(columns, 8);
    const { kernel } = this.memory;
    kernel.multiply(x.data, this.weight.data, this.bias.data, output.data, rows, inner, stride / 8, stride);
    if (stride > columns) closeUp(output.data, rows, stride, columns);
    return output;
  }
}

/** W (columns, inner) and b (columns,). */
export interface Matrix {
  weight: Float32Array;
  bias: Float32Array;
  columns: number;
}

/** The linear layer of this name; without a bias where it has none. */
export function linear(memory: Memory, weights: Weights, name: string, rows: number): Linear {
  const layer = weights.at(name);
  const [columns] = layer.shape("weight");
  const bias = layer.has("bias") ? layer.get("bias") : new Float32Array(columns);
  return new Linear(memory, rows, { weight: layer.get("weight"), bias, columns });
}

/** Rows (columns, inner) of a matrix into panels of 8 columns, each (inner, 8). */
export function layOut(matrix: Float32Array, inner: number, panels: Float32Array): void {
  for (let column = 0; column < matrix.length / inner; column++) {
    let to = (column - (column % 8)) * inner + (column % 8);
    for (let i = 0; i < inner; i++, to += 8) panels[to] = matrix[column * inner + i];
  }
}

/** Rows (rows, stride) move together to (rows, columns). */
export function closeUp(data: Float32Array, rows: number, stride: number, columns: number): void {
  for (let row = 1; row < rows; row++) data.copyWithin(row * columns, row * stride, row * stride + columns);
}
