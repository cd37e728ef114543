/** What `multiply.as` does, over typed arrays: the same panels of 8 columns, four rows at a time. */
export function multiply(
  memory: Float32Array,
  x: number,
  weights: number,
  bias: number,
  out: number,
  rows: number,
  inner: number,
  panels: number,
  stride: number,
): void {
  for (let panel = 0; panel < panels; panel++) {
    const start = weights + panel * inner * 8;
    for (let column = 0; column < 8; column += 2) {
      const [b, o] = [bias + panel * 8 + column, out + panel * 8 + column];
      let row = 0;
      for (; row + 4 <= rows; row += 4)
        fourRows(memory, x + row * inner, start + column, b, o + row * stride, inner, stride);
      for (; row < rows; row++) oneRow(memory, x + row * inner, start + column, b, o + row * stride, inner);
    }
  }
}

/** (4, inner) times (inner, 2): more sums would leave the registers. */
function fourRows(
  m: Float32Array,
  x: number,
  weights: number,
  bias: number,
  out: number,
  inner: number,
  stride: number,
): void {
  const [low, high] = [m[bias], m[bias + 1]];
  let [a0, b0, c0, d0] = [low, low, low, low];
  let [a1, b1, c1, d1] = [high, high, high, high];
  for (let i = 0, w = weights; i < inner; i++, w += 8) {
    const w0 = m[w],
      w1 = m[w + 1];
    const a = m[x + i],
      b = m[x + inner + i],
      c = m[x + 2 * inner + i],
      d = m[x + 3 * inner + i];
    a0 += a * w0;
    a1 += a * w1;
    b0 += b * w0;
    b1 += b * w1;
    c0 += c * w0;
    c1 += c * w1;
    d0 += d * w0;
    d1 += d * w1;
  }
  m[out] = a0;
  m[out + 1] = a1;
  m[out + stride] = b0;
  m[out + stride + 1] = b1;
  m[out + 2 * stride] = c0;
  m[out + 2 * stride + 1] = c1;
  m[out + 3 * stride] = d0;
  m[out + 3 * stride + 1] = d1;
}

function oneRow(m: Float32Array, x: number, weights: number, bias: number, out: number, inner: number): void {
  let a0 = m[bias],
    a1 = m[bias + 1];
  for (let i = 0, w = weights; i < inner; i++, w += 8) {
    a0 += m[x + i] * m[w];
    a1 += m[x + i] * m[w + 1];
  }
  m[out] = a0;
  m[out + 1] = a1;
}
