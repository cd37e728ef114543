import { clamp } from "../shared/numbers.ts";
import type { Grid, Layer } from "./data.ts";

/** A prefix token, or (token −1) a point of the picture from 0 to 1 each way: layers differ in their grids. */
export interface Place {
  token: number;
  x: number;
  y: number;
}

/** The learned query of attention pooling is no token; its number is beyond all of them. */
export const POOLING = 1e6;

/** The place of a token that is no patch. */
export const special = (token: number): Place => ({ token, x: -1, y: -1 });

/** Index of a place's cell in a grid. */
export function cellAt({ x, y }: Place, [rows, columns]: Grid): number {
  const cell = (share: number, count: number) => Math.floor(clamp(0, share, 0.999999) * count);
  return cell(y, rows) * columns + cell(x, columns);
}

/** Token of a place in a layer; -1 where the layer has none. */
export function tokenAt(place: Place, layer: Layer, tokens: number): number {
  if (place.token < 0) return tokens + cellAt(place, layer.grid);
  return place.token < tokens ? place.token : -1;
}

/** Middle of a token's cell; null for no token. */
export function placeOf(token: number, [rows, columns]: Grid, tokens: number): Place | null {
  if (token < 0) return null;
  const cell = token - tokens;
  if (cell < 0) return special(token);
  return { token: -1, x: ((cell % columns) + 0.5) / columns, y: (Math.floor(cell / columns) + 0.5) / rows };
}

/** A cell in words. */
export function spot(cell: number, [, columns]: Grid): string {
  return `row ${Math.floor(cell / columns)}, column ${cell % columns}`;
}
