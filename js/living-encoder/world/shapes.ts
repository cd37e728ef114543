/** The ten shapes as signed distance functions, as in `vizkit/data/shapes.py`: negative inside, in units of the
 * radius; y points down. The formulas for star, heart and box follow Inigo Quilez, "2D distance functions". */
type Distance = (x: number, y: number) => number;

const { abs, cos, hypot, max, min, sin, sqrt, PI } = Math;
const clip = (value: number, low: number, high: number) => max(low, min(high, value));
const withSign = (size: number, sign: number) => (sign < 0 || Object.is(sign, -0) ? -abs(size) : abs(size));

function box(x: number, y: number, halfWidth: number, halfHeight: number): number {
  const dx = abs(x) - halfWidth;
  const dy = abs(y) - halfHeight;
  return hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0);
}

/** Mirrors a point into the upward one of five equal sectors, y up and x not negative. */
function foldFive(x: number, y: number): [number, number] {
  const [cos36, sin36] = [0.809016994375, 0.587785252292];
  let [u, v] = [abs(x), -y];
  let fold = 2 * max(cos36 * u - sin36 * v, 0);
  [u, v] = [u - fold * cos36, v + fold * sin36];
  fold = 2 * max(-cos36 * u - sin36 * v, 0);
  return [abs(u + fold * cos36), v + fold * sin36];
}

const circle: Distance = (x, y) => hypot(x, y) - 0.9;

const square: Distance = (x, y) => box(x, y, 0.68, 0.68) - 0.1;

const triangle: Distance = (px, py) => {
  // An equilateral triangle, its corners rounded by growing it by 0.08.
  const [half, root3] = [0.84, sqrt(3)];
  let x = abs(px) - half;
  let y = half / root3 - (py - 0.2);
  if (x + root3 * y > 0) [x, y] = [(x - root3 * y) / 2, (-root3 * x - y) / 2];
  x -= clip(x, -2 * half, 0);
  return -withSign(hypot(x, y), y) - 0.08;
};

const star: Distance = (px, py) => {
  const [radius, inner] = [0.98, 0.47];
  const [x, high] = foldFive(px, py - 0.06);
  const y = high - radius;
  const [edgeX, edgeY] = [inner * sin(PI / 5), inner * cos(PI / 5) - 1];
  const along = clip((x * edgeX + y * edgeY) / (edgeX ** 2 + edgeY ** 2), 0, radius);
  return withSign(hypot(x - edgeX * along, y - edgeY * along), y * edgeX - x * edgeY) - 0.06;
};

const heart: Distance = (px, py) => {
  const scale = 0.62;
  const x = abs(px) * scale;
  const y = 0.55 - py * scale;
  if (x + y > 1) return (hypot(x - 0.25, y - 0.75) - sqrt(0.125)) / scale;
  const middle = 0.5 * max(x + y, 0);
  const squared = min(x * x + (y - 1) ** 2, (x - middle) ** 2 + (y - middle) ** 2);
  return withSign(sqrt(squared), x - y) / scale;
};

const cross: Distance = (x, y) => min(box(x, y, 0.86, 0.26), box(x, y, 0.26, 0.86)) - 0.06;

const ring: Distance = (x, y) => abs(hypot(x, y) - 0.67) - 0.25;

const crescent: Distance = (px, py) => {
  // A disc with a second disc bitten out along the slanted axis through both centres.
  const [outer, bite, apart, slant] = [0.95, 0.76, 0.46, 0.3];
  const right = px - 0.12;
  const x = cos(slant) * right - sin(slant) * py;
  const y = abs(sin(slant) * right + cos(slant) * py);
  const tipX = (outer ** 2 - bite ** 2 + apart ** 2) / (2 * apart);
  const tipY = sqrt(outer ** 2 - tipX ** 2);
  if (x * tipY - y * tipX > apart * max(tipY - y, 0)) return hypot(x - tipX, y - tipY);
  return max(hypot(x, y) - outer, bite - hypot(x - apart, y));
};

const diamond: Distance = (px, py) => {
  const [halfWidth, halfHeight] = [0.66, 1];
  const [x, y] = [abs(px), abs(py)];
  const squared = halfWidth ** 2 + halfHeight ** 2;
  const along = clip(((halfWidth - x) * halfWidth + y * halfHeight) / squared, 0, 1);
  const distance = hypot(x - halfWidth * (1 - along), y - halfHeight * along);
  return withSign(distance, x * halfHeight + y * halfWidth - halfWidth * halfHeight);
};

const flower: Distance = (px, py) => {
  // Five round petals around a disc, with a round eye cut out of the middle.
  const radius = hypot(px, py);
  const [x, y] = foldFive(px, py);
  return max(min(hypot(x, y - 0.56) - 0.39, radius - 0.5), 0.2 - radius);
};

/** In the order of the shapes in constants.json. */
export const DISTANCES: readonly Distance[] = [
  circle,
  square,
  triangle,
  star,
  heart,
  cross,
  ring,
  crescent,
  diamond,
  flower,
];

/** Radius of the largest circle inside a shape, in units of its radius, as `inner_radius` finds it on its grid. */
export function innerRadius(shape: number): number {
  return (INNER[shape] ??= largestInside(DISTANCES[shape]));
}

const INNER: number[] = [];

function largestInside(distance: Distance): number {
  let most = 0;
  for (let row = 0; row <= 260; row++)
    for (let column = 0; column <= 260; column++)
      most = max(most, -distance(-1.3 + column / 100, -1.3 + row / 100));
  return most;
}
