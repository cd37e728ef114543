import { type ColorMap, colorTable } from "../shared/color.ts";
import type { Analysis, Matrix } from "./numbers.ts";
import { type MatrixView, SIMILARITY } from "./views.ts";

type Parts = [ofRow: number, ofColumn: number];

/** Views that `paintShares` paints, and how much of a cell's exponential counts over its row's sum and over its column's:
 * that spares an exponential and a root for each cell. A view that is not here is right, and slower. */
const FAST: Record<string, Parts> = {
  "softmax over texts": [1, 0],
  "softmax over images": [0, 1],
  sigmoid: [0, 0],
  "gradient of InfoNCE": [0.5, 0.5],
  "gradient of sigmoid": [0, 0],
};

/** How a share from 0 to 1 becomes an index into a colour table: signed maps have their zero in the middle. */
const indexing = ({ signed }: MatrixView) => (signed ? { base: 128, gain: 127.4 } : { base: 0.5, gain: 255 });

const SHARE_COLORS = new Map<string, Uint32Array>();

/** Colour of a share from 0 to 1 by the upper 18 bits of its float32: a table instead of a root per cell. */
function shareColors(view: MatrixView): Uint32Array {
  const known = SHARE_COLORS.get(view.name);
  if (known) return known;
  const words = new Uint32Array(65536).map((_, upper) => (upper << 14) + 8192);
  const middles = new Float32Array(words.buffer);
  const table = colorTable(view.colormap);
  const { base, gain } = indexing(view);
  const made = words.map((_, upper) => table[(base + gain * Math.sqrt(Math.min(1, middles[upper]))) | 0]);
  SHARE_COLORS.set(view.name, made);
  return made;
}

/** Writes the colours of a view, one 32-bit word a cell; `range` are the ends of the similarity's colours. */
export function paintPixels(
  matrix: Matrix,
  now: Analysis,
  view: MatrixView,
  range: [number, number],
  pixels: Uint32Array,
): void {
  const parts = FAST[view.name];
  if (view === SIMILARITY) paintLinear(matrix.values, range, view.colormap, pixels);
  else if (parts && now.shared) {
    paintShares(matrix, now, view, parts, pixels);
    if (view.signed) paintDiagonal(matrix, now, view, pixels);
  } else paintPlain(matrix, now, view, pixels);
}

function paintLinear(
  values: Float64Array,
  [low, high]: [number, number],
  map: ColorMap,
  pixels: Uint32Array,
) {
  const table = colorTable(map);
  const step = 255 / (high - low || 1);
  for (let at = 0; at < pixels.length; at++) pixels[at] = table[((values[at] - low) * step + 0.5) | 0];
}

/** By each cell's own formula: right for any view, and slow. */
function paintPlain(matrix: Matrix, now: Analysis, view: MatrixView, pixels: Uint32Array) {
  const { rows, columns } = matrix;
  const table = colorTable(view.colormap);
  const { base, gain } = indexing(view);
  const whole = view.signed ? rows : 1;
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const share = view.value(matrix, now, i, j) * whole;
      const size = gain * Math.sqrt(Math.min(1, Math.abs(share)));
      pixels[at] = table[(share < 0 ? base - size : base + size) | 0];
    }
}

/** From the exponentials that `analyse` left: one multiplication a cell. */
function paintShares(
  matrix: Matrix,
  now: Analysis,
  view: MatrixView,
  [ofRow, ofColumn]: Parts,
  pixels: Uint32Array,
) {
  const { rows, columns } = matrix;
  const { weights } = now;
  const top = matrix.high * now.scale;
  const lift = Math.exp(top + now.bias);
  const perColumn = now.columnLse.map((lse) => ofColumn * Math.exp(top - lse));
  const shares = new Float32Array(columns);
  const words = new Uint32Array(shares.buffer);
  const colors = shareColors(view);
  for (let i = 0, at = 0; i < rows; i++, at += columns) {
    const perRow = ofRow * Math.exp(top - now.rowLse[i]);
    if (view.biased)
      for (let j = 0; j < columns; j++) {
        const e = weights[at + j] * lift;
        shares[j] = e / (1 + e);
      }
    else for (let j = 0; j < columns; j++) shares[j] = weights[at + j] * (perRow + perColumn[j]);
    for (let j = 0; j < columns; j++) pixels[at + j] = colors[words[j] >>> 14];
  }
}

/** The gradients are negative on the diagonal alone. */
function paintDiagonal(matrix: Matrix, now: Analysis, view: MatrixView, pixels: Uint32Array) {
  const { rows, columns } = matrix;
  const table = colorTable(view.colormap);
  const { base, gain } = indexing(view);
  for (let i = 0; i < rows; i++) {
    const share = Math.abs(view.value(matrix, now, i, i)) * rows;
    pixels[i * columns + i] = table[(base - gain * Math.sqrt(share)) | 0];
  }
}
