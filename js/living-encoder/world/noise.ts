/** Smooth noise, mean 0, standard deviation 1, one value a point, periodic: the wavering of a pencil and the grain of
 * paper. White noise under the Gaussian of `smooth_noise` in vizkit/data/styles.py; its numbers are its own. */
const SIDE = 128;

/** Of a Gaussian whose spectrum is exp(−(f / .21)²). */
const SIGMA = 1 / (0.21 * Math.PI * Math.SQRT2);

let table: Float32Array | null = null;

/** The noise at a place in points, between the values of the table where the place is between. */
export function noiseAt(x: number, y: number): number {
  table ??= smooth(white());
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - left, y - top];
  const at = (column: number, row: number) => table![(row & (SIDE - 1)) * SIDE + (column & (SIDE - 1))];
  const upper = at(left, top) * (1 - u) + at(left + 1, top) * u;
  return upper * (1 - v) + (at(left, top + 1) * (1 - u) + at(left + 1, top + 1) * u) * v;
}

function white(): Float32Array {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: SIDE * SIDE }, () => {
    return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  });
}

function smooth(values: Float32Array): Float32Array {
  const reach = 4;
  const weights = Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-(((k - reach) / SIGMA) ** 2) / 2),
  );
  const blur = (from: Float32Array, step: number) =>
    from.map((_, at) => {
      const start = step === 1 ? at - (at % SIDE) : at % SIDE;
      const own = step === 1 ? at % SIDE : Math.floor(at / SIDE);
      let sum = 0;
      for (let k = -reach; k <= reach; k++)
        sum += weights[k + reach] * from[start + ((own + k) & (SIDE - 1)) * step];
      return sum;
    });
  const soft = blur(blur(values, 1), SIDE);
  const mean = soft.reduce((sum, value) => sum + value, 0) / soft.length;
  const spread = Math.sqrt(soft.reduce((sum, value) => sum + (value - mean) ** 2, 0) / soft.length);
  return soft.map((value) => (value - mean) / spread);
}
