/** Many rows times one matrix, four numbers at a time. AssemblyScript: `npm run build` compiles it to WebAssembly, and
 * `plain.ts` says the same in TypeScript for where WebAssembly is forbidden.
 *
 * x: (rows, inner); weights: panels of 8 columns, each (inner, 8); bias: (8 * panels,); out: (rows, stride) of which
 * the first 8 * panels columns are written. All are float32 at byte addresses of the one memory. */
export function multiply(
  x: usize, weights: usize, bias: usize, out: usize, rows: i32, inner: i32, panels: i32, stride: i32,
): void {
  for (let panel = 0; panel < panels; panel++) {
    const w = weights + <usize>(panel * inner) * 32;
    const b = bias + <usize>panel * 32;
    const o = out + <usize>panel * 32;
    let row = 0;
    for (; row + 4 <= rows; row += 4)
      fourRows(x + <usize>(row * inner) * 4, w, b, o + <usize>(row * stride) * 4, inner, stride);
    for (; row < rows; row++) oneRow(x + <usize>(row * inner) * 4, w, b, o + <usize>(row * stride) * 4, inner);
  }
}

// @ts-ignore: decorator
@inline
function step(sum: v128, number: v128, weight: v128): v128 {
  return f32x4.add(sum, f32x4.mul(number, weight));
}

/** (4, inner) times (inner, 8): sixteen sums of four stay in registers while `inner` runs by. */
function fourRows(x: usize, w: usize, bias: usize, out: usize, inner: i32, stride: i32): void {
  const low = v128.load(bias);
  const high = v128.load(bias, 16);
  let a0 = low, a1 = high, b0 = low, b1 = high, c0 = low, c1 = high, d0 = low, d1 = high;
  const next = <usize>inner * 4;
  for (let end = x + next; x < end; x += 4, w += 32) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const a = v128.load32_splat(x);
    const b = v128.load32_splat(x + next);
    const c = v128.load32_splat(x + 2 * next);
    const d = v128.load32_splat(x + 3 * next);
    a0 = step(a0, a, w0);
    a1 = step(a1, a, w1);
    b0 = step(b0, b, w0);
    b1 = step(b1, b, w1);
    c0 = step(c0, c, w0);
    c1 = step(c1, c, w1);
    d0 = step(d0, d, w0);
    d1 = step(d1, d, w1);
  }
  const line = <usize>stride * 4;
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out + line, b0);
  v128.store(out + line, b1, 16);
  v128.store(out + 2 * line, c0);
  v128.store(out + 2 * line, c1, 16);
  v128.store(out + 3 * line, d0);
  v128.store(out + 3 * line, d1, 16);
}

function oneRow(x: usize, w: usize, bias: usize, out: usize, inner: i32): void {
  let a0 = v128.load(bias);
  let a1 = v128.load(bias, 16);
  for (let end = x + <usize>inner * 4; x < end; x += 4, w += 32) {
    const a = v128.load32_splat(x);
    a0 = step(a0, a, v128.load(w));
    a1 = step(a1, a, v128.load(w, 16));
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
}
