import bytes from "./multiply.as";
import { multiply as multiplyPlain } from "./plain.ts";

/** The one piece of the forward pass that takes the time: rows times a matrix. */
export interface Kernel {
  name: "simd" | "plain";
  /** Where every array that it works on lies. */
  buffer: ArrayBuffer;
  /** x (rows, inner) times `weights`, panels of 8 columns (inner, 8), plus `bias`, into `out` (rows, stride). */
  multiply(
    x: Float32Array,
    weights: Float32Array,
    bias: Float32Array,
    out: Float32Array,
    rows: number,
    inner: number,
    panels: number,
    stride: number,
  ): void;
}

type Multiply = (...numbers: number[]) => void;

const PAGE = 65536; // bytes by which the memory of WebAssembly grows

/** A kernel over a memory of so many bytes: WebAssembly with SIMD where page and browser allow it, else TypeScript. */
export function openKernel(size: number, allowed = true): Kernel {
  try {
    if (allowed) return simd(size);
  } catch {
    // A policy of the page forbids it, or the browser is older than SIMD: slower, and the same numbers.
  }
  return plain(size);
}

function simd(size: number): Kernel {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / PAGE) + 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const run = instance.exports.multiply as Multiply;
  return {
    name: "simd",
    buffer: memory.buffer as ArrayBuffer,
    multiply(x, weights, bias, out, ...sizes) {
      run(x.byteOffset, weights.byteOffset, bias.byteOffset, out.byteOffset, ...sizes);
    },
  };
}

function plain(size: number): Kernel {
  const buffer = new ArrayBuffer(size);
  const memory = new Float32Array(buffer);
  return {
    name: "plain",
    buffer,
    multiply(x, weights, bias, out, ...sizes) {
      const [a, w, b, o] = [x, weights, bias, out].map((part) => part.byteOffset / 4);
      multiplyPlain(memory, a, w, b, o, ...sizes);
    },
  };
}
