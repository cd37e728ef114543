/** The functions between the layers, in place over the first `length` numbers. */

export function relu(data: Float32Array, length: number): void {
  for (let i = 0; i < length; i++) if (data[i] < 0) data[i] = 0;
}

export function add(to: Float32Array, from: Float32Array, length: number): void {
  for (let i = 0; i < length; i++) to[i] += from[i];
}

const FINE = 512; // entries of the table for a step of 1
const EDGE = 6; // Φ(-6) is 1e-9: beyond, x Φ(x) is 0 or x to single precision
const PHI = Float64Array.from(
  { length: 2 * EDGE * FINE + 2 },
  (_, i) => 0.5 * (1 + erf((i / FINE - EDGE) * Math.SQRT1_2)),
);

/** x Φ(x), as `F.gelu`: Φ from a table, in a straight line between its entries, to 4e-7. */
export function gelu(data: Float32Array, length: number): void {
  for (let i = 0; i < length; i++) {
    const x = data[i];
    if (x >= EDGE) continue;
    if (x <= -EDGE) data[i] = 0;
    else {
      const place = (x + EDGE) * FINE;
      const entry = place | 0;
      data[i] = x * (PHI[entry] + (PHI[entry + 1] - PHI[entry]) * (place - entry));
    }
  }
}

/** The error function to 1.2e-7 (Numerical Recipes, Press et al. 1992, section 6.2). */
export function erf(x: number): number {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const powers =
    -1.26551223 +
    t *
      (1.00002368 +
        t *
          (0.37409196 +
            t *
              (0.09678418 +
                t *
                  (-0.18628806 +
                    t *
                      (0.27886807 +
                        t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  const rest = t * Math.exp(powers - x * x);
  return x >= 0 ? 1 - rest : rest - 1;
}

/** softmax of `length` numbers from `start`. */
export function softmax(data: Float32Array, start: number, length: number): void {
  let most = -Infinity;
  for (let i = start; i < start + length; i++) if (data[i] > most) most = data[i];
  let sum = 0;
  for (let i = start; i < start + length; i++) sum += data[i] = Math.exp(data[i] - most);
  for (let i = start; i < start + length; i++) data[i] /= sum;
}

/** Rows (rows, columns) to length 1, as `F.normalize`. */
export function normalize(data: Float32Array, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++) {
    const vector = data.subarray(row * columns, (row + 1) * columns);
    const length = Math.max(norm(vector), 1e-12);
    for (let i = 0; i < columns; i++) vector[i] /= length;
  }
}

export function norm(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i] * vector[i];
  return Math.sqrt(sum);
}
