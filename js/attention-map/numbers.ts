import type { Grid, QuantizedMaps } from "./data.ts";

/** The weights of one head's row: prefix tokens, then patches. */
export function rowWeights(
  block: QuantizedMaps,
  head: number,
  query: number,
  out = new Float64Array(block.tokens + block.cells),
): Float64Array {
  const { tokens, cells } = block;
  const row = head * block.queries + query;
  const zero = block.signed ? 128 : 0;
  const unit = block.scales[row] / (block.signed ? 127 : 255);
  for (let i = 0; i < tokens; i++) out[i] = block.prefix[row * tokens + i] / 65535;
  for (let i = 0, from = row * cells; i < cells; i++)
    out[tokens + i] = (block.values[from + i] - zero) * unit;
  return out;
}

/** Stands for all queries together, where it is about what tokens receive. */
export const EVERY = -2;

/** What a token receives from each query, in one head, as a share of all attention: its column over the number of
 * queries. Without a token (`EVERY`) what each token receives from all queries, the mean of the rows. */
export function receivedWeights(block: QuantizedMaps, head: number, key: number): Float64Array {
  const { queries, tokens, cells, prefix, values, scales } = block;
  const total = new Float64Array(tokens + cells);
  if (key < 0) {
    const row = new Float64Array(total.length);
    for (let query = 0; query < queries; query++)
      rowWeights(block, head, query, row).forEach((weight, token) => (total[token] += weight / queries));
    return total;
  }
  for (let query = 0, row = head * queries; query < queries; query++, row++) {
    const weight =
      key < tokens
        ? prefix[row * tokens + key] / 65535
        : (values[row * cells + key - tokens] * scales[row]) / 255;
    total[query] = weight / queries;
  }
  return total;
}

/** Mean or maximum over the heads of one token's row. */
export function overHeads(block: QuantizedMaps, query: number, largest: boolean): Float64Array {
  return combined(block.heads, largest, (head) => rowWeights(block, head, query));
}

/** Mean or maximum over the heads of what a token receives, or of all. */
export function receivedOverHeads(block: QuantizedMaps, key: number, largest: boolean): Float64Array {
  if (key >= 0 || !largest)
    return combined(block.heads, largest, (head) => receivedWeights(block, head, key));
  // What each token receives from all queries is a mean of a maximum, no maximum of means.
  const total = new Float64Array(block.tokens + block.cells);
  for (let query = 0; query < block.queries; query++)
    overHeads(block, query, true).forEach((weight, token) => (total[token] += weight / block.queries));
  return total;
}

function combined(heads: number, largest: boolean, weightsOf: (head: number) => Float64Array): Float64Array {
  const total = weightsOf(0).slice();
  for (let head = 1; head < heads; head++)
    weightsOf(head).forEach((weight, i) => {
      total[i] = largest ? Math.max(total[i], weight) : total[i] + weight;
    });
  return largest ? total : total.map((value) => value / heads);
}

/** Mean over the heads with rows that sum to 1, kept with the block. */
function mixedHeads(block: QuantizedMaps): Float32Array {
  if (block.mixed) return block.mixed;
  const { queries } = block;
  block.mixed = new Float32Array(queries * queries);
  for (let query = 0; query < queries; query++) {
    const row = overHeads(block, query, false);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let i = 0; i < queries; i++) block.mixed[query * queries + i] = row[i] / sum;
  }
  return block.mixed;
}

/** One row of attention rollout (Abnar and Zuidema 2020): a vector through 0.5 A + 0.5 I of every layer, the last
 * first. `blocks` begins with the first layer; `EVERY` begins with all queries alike. */
export function rolloutRow(blocks: QuantizedMaps[], query: number): Float64Array {
  const size = blocks[0].queries;
  let row = new Float64Array(size);
  if (query >= 0) row[query] = 1;
  else row.fill(1 / size);
  for (const block of [...blocks].reverse()) {
    const mixed = mixedHeads(block);
    const next = row.map((value) => value / 2);
    for (let q = 0; q < size; q++) {
      const half = row[q] / 2;
      if (half) for (let i = 0, from = q * size; i < size; i++) next[i] += half * mixed[from + i];
    }
    row = next;
  }
  return row;
}

/** One column of attention rollout, over the number of tokens: how much of the input token `key` reaches each one. */
export function rolloutColumn(blocks: QuantizedMaps[], key: number): Float64Array {
  const size = blocks[0].queries;
  let column = new Float64Array(size);
  column[key] = 1 / size;
  for (const block of blocks) {
    const mixed = mixedHeads(block);
    const before = column;
    column = before.map((value, query) => {
      let sum = 0;
      for (let i = 0, from = query * size; i < size; i++) sum += mixed[from + i] * before[i];
      return (value + sum) / 2;
    });
  }
  return column;
}

/** Mean attention distance of a head in widths of the picture, patches only (Dosovitskiy et al. 2021, Figure 7).
 * No block stands for a head that looks everywhere alike. */
export function meanDistance(block: QuantizedMaps | null, head: number, [rows, columns]: Grid): number {
  const count = rows * columns;
  const far = new Float64Array(count);
  for (let i = 0; i < count; i++) far[i] = Math.hypot(Math.floor(i / columns), i % columns) / columns;
  let total = 0;
  let looking = 0;
  for (let query = 0; query < count; query++) {
    const y = Math.floor(query / columns);
    const x = query % columns;
    let at = block ? (head * block.queries + block.tokens + query) * block.cells : 0;
    let sum = 0;
    let weighted = 0;
    for (let r = 0; r < rows; r++) {
      const line = Math.abs(r - y) * columns;
      for (let c = 0; c < columns; c++, at++) {
        const weight = block ? block.values[at] : 1;
        sum += weight;
        weighted += weight * far[line + Math.abs(c - x)];
      }
    }
    if (!sum) continue;
    total += weighted / sum;
    looking++;
  }
  return total / looking;
}

/** exp(entropy) of the patches' weights: how many patches a query looks at, if all counted alike. `tokens` prefix
 * tokens are left out. */
export function effectiveNumber(row: Float64Array, tokens: number): number {
  let sum = 0;
  let entropy = 0;
  for (let i = tokens; i < row.length; i++) sum += row[i];
  for (let i = tokens; i < row.length; i++)
    if (row[i] > 0) entropy -= (row[i] / sum) * Math.log(row[i] / sum);
  return sum > 0 ? Math.exp(entropy) : 0;
}
