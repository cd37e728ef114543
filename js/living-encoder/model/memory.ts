import { type Kernel, openKernel } from "./kernel/index.ts";

/** Numbers row by row, as torch has them. `data` is there once the memory is open. */
export interface Tensor {
  shape: readonly number[];
  data: Float32Array;
}

type Fill = (data: Float32Array) => void;

/** One piece of memory for the weights and for what is computed, laid out before it is taken: the layers ask for their
 * tensors when they are made, and `open` gives them their places. Nothing is allocated while pictures run through. */
export class Memory {
  private readonly asked: { tensor: Tensor; fill?: Fill }[] = [];
  private readonly shared: Tensor = { shape: [0], data: new Float32Array(0) };
  private opened: Kernel | null = null;

  /** A tensor of this shape; `fill` writes its first values, 0 without it. */
  tensor(shape: readonly number[], fill?: Fill): Tensor {
    const tensor = { shape, data: this.shared.data };
    this.asked.push({ tensor, fill });
    return tensor;
  }

  /** One tensor for whatever is needed for a moment only, as long as the longest that is asked for. */
  scratch(length: number): Tensor {
    this.shared.shape = [Math.max(length, this.shared.shape[0])];
    return this.shared;
  }

  get kernel(): Kernel {
    if (!this.opened) throw new Error("the memory is not open yet");
    return this.opened;
  }

  /** Takes the memory and gives every tensor its place. `simd`: whether WebAssembly may be used. */
  open(simd = true): void {
    this.asked.push({ tensor: this.shared });
    const sizes = this.asked.map(({ tensor }) =>
      roundUp(
        tensor.shape.reduce((a, b) => a * b, 1),
        4,
      ),
    );
    this.opened = openKernel(4 * sizes.reduce((a, b) => a + b, 0), simd);
    let start = 0;
    this.asked.splice(0).forEach(({ tensor, fill }, index) => {
      tensor.data = new Float32Array(this.kernel.buffer, 4 * start, sizes[index]);
      fill?.(tensor.data);
      start += sizes[index];
    });
  }
}

export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;
