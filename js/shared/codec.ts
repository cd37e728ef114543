/** Typed arrays as Python's `vizkit.widgets.codec` sends them: `{dtype, shape, buffer}`. */

export type Numbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

export interface NumberArray<T extends Numbers = Numbers> {
  data: T;
  shape: number[];
}

/** A buffer as hosts deliver it: a DataView in JupyterLab, an ArrayBuffer or a typed array elsewhere. */
export type Bytes = ArrayBuffer | ArrayBufferView<ArrayBuffer>;

export interface Packed {
  dtype: string;
  shape: number[];
  buffer: Bytes;
  low?: number;
  high?: number;
}

const DTYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Typed view of an array that Python sent; null when it sent none. Throws for an unknown dtype. */
export function unpack<T extends Numbers = Numbers>(
  packed: Packed | null | undefined,
): NumberArray<T> | null {
  if (!packed?.buffer) return null;
  const Kind = DTYPES[packed.dtype as keyof typeof DTYPES];
  if (!Kind)
    throw new TypeError(`expected an array of ${Object.keys(DTYPES).join(", ")}, received ${packed.dtype}`);
  const bytes = packed.buffer;
  const view = ArrayBuffer.isView(bytes);
  const start = view ? bytes.byteOffset : 0;
  const buffer = view ? bytes.buffer : bytes;
  const count = bytes.byteLength / Kind.BYTES_PER_ELEMENT;
  // A view needs an aligned start; a message's buffer may begin anywhere.
  const data =
    start % Kind.BYTES_PER_ELEMENT
      ? new Kind(buffer.slice(start, start + bytes.byteLength))
      : new Kind(buffer, start, count);
  return { data: data as unknown as T, shape: packed.shape };
}

/** Numbers that travelled as 24-bit fixed point, as `vizkit.widgets.codec.pack_fixed` writes them. */
export function unpackFixed(packed: Packed | null | undefined): NumberArray<Float64Array> | null {
  const raw = packed && unpack<Uint8Array>({ ...packed, dtype: "uint8" });
  if (!raw) return null;
  const { low = 0, high = 0 } = packed;
  const bytes = raw.data;
  const values = new Float64Array(bytes.length / 3);
  const step = (high - low) / 0xffffff;
  for (let i = 0, at = 0; i < values.length; i++, at += 3)
    values[i] = low + step * (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16));
  return { data: values, shape: packed.shape };
}

/** Bytes that Python compressed with zlib. */
export async function inflate(packed: Bytes): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
