import { type Packed, unpack } from "../../shared/codec.ts";

/** The weights as Python sent them: half-precision numbers end to end, and where each tensor lies in them. The few that
 * would suffer from half precision (angles) travel as `exact`. */
export interface PackedWeights {
  tensors: Record<string, { shape: number[]; start: number; exact?: boolean }>;
  numbers: Packed;
  exact: Packed;
}

export interface Weights {
  has(name: string): boolean;
  shape(name: string): readonly number[];
  /** The numbers of one tensor; of `shape.length` 0 a single one. Throws for a name that did not travel. */
  get(name: string): Float32Array;
  /** The same weights, with names from here on. */
  at(prefix: string): Weights;
}

export function openWeights({ tensors, numbers, exact }: PackedWeights): Weights {
  const halves = unpack<Uint16Array>(numbers);
  const singles = unpack<Float32Array>(exact);
  if (!halves) throw new TypeError("the encoder came without weights");
  const find = (name: string) => {
    if (!Object.hasOwn(tensors, name)) throw new RangeError(`the encoder came without its weights ${name}`);
    return tensors[name];
  };
  const from = (prefix: string): Weights => ({
    has: (name) => Object.hasOwn(tensors, prefix + name),
    shape: (name) => find(prefix + name).shape,
    get(name) {
      const { shape, start, exact } = find(prefix + name);
      const end = start + shape.reduce((a, b) => a * b, 1);
      return exact && singles ? singles.data.slice(start, end) : fromHalf(halves.data.subarray(start, end));
    },
    at: (further) => from(`${prefix}${further}.`),
  });
  return from("");
}

/** Half precision to single: the same bits with a longer exponent, whose bias is 112 higher. */
export function fromHalf(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = ((halves[i] & 0x8000) << 16) | ((halves[i] & 0x7fff) << 13);
    values[i] *= 2 ** 112; // for numbers near 0, too, which have no leading one
  }
  return values;
}
