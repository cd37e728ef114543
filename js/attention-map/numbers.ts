import type { Block, Grid } from "./data.ts";

/** The weights of one head's row: prefix tokens, then patches. */
export function rowWeights(
  block: Block,
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

/** What a token receives from every query, in one head: its column, prefix tokens first. */
export function columnWeights(
  block: Block,
  head: number,
  key: number,
  out = new Float64Array(block.queries),
): Float64Array {
  const { tokens, cells, queries } = block;
  const zero = block.signed ? 128 : 0;
  const levels = block.signed ? 127 : 255;
  for (let query = 0, row = head * queries; query < queries; query++, row++)
    out[query] =
      key < tokens
        ? block.prefix[row * tokens + key] / 65535
        : ((block.values[row * cells + key - tokens] - zero) * block.scales[row]) / levels;
  return out;
}

/** Mean or maximum over the heads of one token's row, or of its column. */
export function overHeads(block: Block, token: number, largest: boolean, weights = rowWeights): Float64Array {
  const total = weights(block, 0, token);
  const one = new Float64Array(total.length);
  for (let head = 1; head < block.heads; head++) {
    weights(block, head, token, one);
    for (let i = 0; i < one.length; i++) total[i] = largest ? Math.max(total[i], one[i]) : total[i] + one[i];
  }
  return largest ? total : total.map((value) => value / block.heads);
}

/** Mean over the heads with rows that sum to 1, kept with the block. */
function mixedHeads(block: Block): Float32Array {
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
 * first. `blocks` begins with the first layer. */
export function rolloutRow(blocks: Block[], query: number): Float64Array {
  const size = blocks[0].queries;
  let row = new Float64Array(size);
  row[query] = 1;
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

/** One column of attention rollout: how much of the token `key` of the input reaches each token. */
export function rolloutColumn(blocks: Block[], key: number): Float64Array {
  const size = blocks[0].queries;
  let column = new Float64Array(size);
  column[key] = 1;
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
export function meanDistance(block: Block | null, head: number, [rows, columns]: Grid): number {
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
