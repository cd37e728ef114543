import { clamp } from "../shared/numbers.ts";

/** Searches among points given as 16-bit coordinates, x and y by turns; `at` is the first point of a step. */

export type Shown = (index: number) => boolean;

export interface Neighbour {
  index: number;
  value: number;
}

/** Points sorted into the cells of a square grid. */
export interface Grid {
  bits: number;
  start: Uint32Array;
  order: Uint32Array;
}

/** Size and opacity that suit the density: 50 points are large and crisp, a million are a mist.
 * `count` are the points in view, `area` is the plot's in CSS pixels. */
export function markLook(count: number, area: number): { size: number; alpha: number } {
  const size = clamp(1.2, 0.6 * Math.sqrt(area / Math.max(1, count)), 15);
  const crowding = Math.max(1, (3 * count * size * size) / area);
  return { size, alpha: clamp(0.15, 0.85 / Math.sqrt(crowding), 0.92) };
}

export function buildGrid(points: Uint16Array, at: number, count: number): Grid {
  const bits = clamp(2, Math.round(Math.log2(count / 4 + 1) / 2), 9);
  const shift = 16 - bits;
  const start = new Uint32Array((1 << (2 * bits)) + 1);
  const order = new Uint32Array(count);
  const cell = (i: number) => ((points[2 * (at + i) + 1] >> shift) << bits) | (points[2 * (at + i)] >> shift);
  for (let i = 0; i < count; i++) start[cell(i) + 1]++;
  for (let i = 1; i < start.length; i++) start[i] += start[i - 1];
  const next = start.slice();
  for (let i = 0; i < count; i++) order[next[cell(i)]++] = i;
  return { bits, start, order };
}

/** The nearest shown point within a radius, or -1. */
export function nearestPoint(
  { bits, start, order }: Grid,
  points: Uint16Array,
  at: number,
  x: number,
  y: number,
  radius: number,
  shown: Shown,
): number {
  let best = -1;
  let least = radius * radius;
  const cell = (value: number) => clamp(0, Math.floor(value / (65536 >> bits)), (1 << bits) - 1);
  const [left, right] = [cell(x - radius), cell(x + radius)];
  for (let row = cell(y - radius); row <= cell(y + radius); row++) {
    const end = start[((row << bits) | right) + 1];
    for (let j = start[(row << bits) | left]; j < end; j++) {
      const i = order[j];
      const dx = points[2 * (at + i)] - x;
      const dy = points[2 * (at + i) + 1] - y;
      const far = dx * dx + dy * dy;
      if (far < least && shown(i)) {
        least = far;
        best = i;
      }
    }
  }
  return best;
}

/** True neighbours of a point of a plane, nearest first, with their distances in 16-bit units. */
export function nearestInPlane(
  points: Uint16Array,
  at: number,
  count: number,
  index: number,
  k: number,
): Neighbour[] {
  const best: Neighbour[] = [];
  const x = points[2 * (at + index)];
  const y = points[2 * (at + index) + 1];
  let worst = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const dx = points[2 * (at + i)] - x;
    const dy = points[2 * (at + i) + 1] - y;
    const value = dx * dx + dy * dy;
    if (value >= worst || i === index) continue;
    best.push({ index: i, value });
    best.sort((a, b) => a.value - b.value);
    if (best.length > k) best.pop();
    if (best.length === k) worst = best[k - 1].value;
  }
  return best.map((one) => ({ ...one, value: Math.sqrt(one.value) }));
}

/** The next point in a direction (arrow keys): near, and ahead rather than aside; -1 when there is none. */
export function nextPoint(
  points: Uint16Array,
  at: number,
  count: number,
  x: number,
  y: number,
  dx: number,
  dy: number,
  shown: Shown,
): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const px = points[2 * (at + i)] - x;
    const py = points[2 * (at + i) + 1] - y;
    const ahead = px * dx + py * dy;
    const aside = Math.abs(px * dy) + Math.abs(py * dx);
    if (ahead > 0 && aside <= ahead && ahead + 2 * aside < least && shown(i)) {
      least = ahead + 2 * aside;
      best = i;
    }
  }
  return best;
}

/** Which of the squares centred on some places `[x, y, index]` can be drawn without overlap; earlier ones win. */
export function thinOut(places: number[][], size: number): number[][] {
  const kept: number[][] = [];
  const apart = (a: number[], b: number[]) => Math.abs(a[0] - b[0]) >= size || Math.abs(a[1] - b[1]) >= size;
  for (const place of places) if (kept.every((other) => apart(other, place))) kept.push(place);
  return kept;
}

/** Whether a place lies inside a polygon (even-odd rule). */
export function inside(polygon: number[][], x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [ax, ay] = polygon[i];
    const [bx, by] = polygon[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}
