/** Rows and columns in the order of a clustering: what is alike stands side by side. */

/** Above this the clustering would make a person wait. */
export const MOST_ORDERED = 600;

/** Order of the rows by average linkage (nearest-neighbour chain) on Euclidean distances between them; the leaves
 * of each join keep their nearer ends together. `values` is `(rows, columns)`, row by row. */
export function clusterOrder(values: Float64Array, rows: number, columns: number): number[] {
  if (rows < 3) return [...Array(rows).keys()];
  const distances = pairDistances(values, rows, columns);
  const leaves = Array.from({ length: rows }, (_, i) => [i]);
  const alive = new Set(leaves.keys());
  const chain: number[] = [];
  while (alive.size > 1) {
    if (!chain.length) chain.push(alive.values().next().value as number);
    const here = chain[chain.length - 1];
    const before = chain[chain.length - 2];
    const next = nearest(distances, rows, alive, here, before);
    if (next !== before) {
      chain.push(next);
      continue;
    }
    chain.length -= 2;
    join(distances, rows, alive, leaves, here, next);
  }
  return leaves[alive.values().next().value as number];
}

function pairDistances(values: Float64Array, rows: number, columns: number): Float64Array {
  const distances = new Float64Array(rows * rows);
  for (let a = 0; a < rows; a++)
    for (let b = 0; b < a; b++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) {
        const difference = values[a * columns + k] - values[b * columns + k];
        sum += difference * difference;
      }
      distances[a * rows + b] = distances[b * rows + a] = Math.sqrt(sum);
    }
  return distances;
}

/** The nearest living cluster; of equal ones the one that the chain came from, so that it ends. */
function nearest(
  distances: Float64Array,
  rows: number,
  alive: Set<number>,
  here: number,
  before?: number,
): number {
  let best = before ?? -1;
  let least = before === undefined ? Number.POSITIVE_INFINITY : distances[here * rows + before];
  for (const other of alive)
    if (other !== here && distances[here * rows + other] < least) {
      least = distances[here * rows + other];
      best = other;
    }
  return best;
}

/** Joins cluster `b` to `a`. */
function join(
  d: Float64Array,
  rows: number,
  alive: Set<number>,
  leaves: number[][],
  a: number,
  b: number,
): void {
  const [left, right] = [leaves[a], leaves[b]];
  for (const other of alive) {
    if (other === a || other === b) continue;
    const mean =
      (left.length * d[a * rows + other] + right.length * d[b * rows + other]) / (left.length + right.length);
    d[a * rows + other] = d[other * rows + a] = mean;
  }
  alive.delete(b);
  leaves[a] = [...left, ...right];
}
