import { clamp } from "../shared/numbers.ts";
import type { State } from "./state.ts";

/** Shows a part of the matrix: at least four rows, columns alike where there are pairs. */
export function setZoom(
  { zoom, data }: State,
  row: number,
  column: number,
  tall: number,
  wide: number,
): void {
  const { rows, columns, paired } = data;
  zoom.rows = clamp(Math.min(4, rows), Math.round(tall), rows);
  zoom.columns = clamp(Math.min(4, columns), Math.round(wide), columns);
  if (paired) zoom.rows = zoom.columns = Math.max(zoom.rows, zoom.columns);
  zoom.row = clamp(0, Math.round(row), rows - zoom.rows);
  zoom.column = clamp(0, Math.round(column), columns - zoom.columns);
}

/** Below 1 shows less, around a place that stays where it is. */
export function zoomBy(state: State, factor: number, row: number, column: number): void {
  const { zoom } = state;
  const resize = (count: number) =>
    factor < 1 ? Math.min(count - 1, count * factor) : Math.max(count + 1, count * factor);
  const tall = resize(zoom.rows);
  const wide = resize(zoom.columns);
  const r = Math.max(row, 0);
  const c = Math.max(column, 0);
  const top = r - ((r - zoom.row) * tall) / zoom.rows;
  const left = c - ((c - zoom.column) * wide) / zoom.columns;
  setZoom(state, top, left, tall, wide);
}

export const showAll = (state: State) => setZoom(state, 0, 0, state.data.rows, state.data.columns);

/** Moves what is on view as little as it takes to have a place in sight. */
export function keepInSight(state: State, row: number, column: number): void {
  const { zoom } = state;
  const top = clamp(row - zoom.rows + 1, zoom.row, row);
  const left = clamp(column - zoom.columns + 1, zoom.column, column);
  setZoom(state, top, left, zoom.rows, zoom.columns);
}
