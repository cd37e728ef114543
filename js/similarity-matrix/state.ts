import type { MatrixData } from "./data.ts";
import type { Analysis, Matrix } from "./numbers.ts";
import { clusterOrder } from "./order.ts";
import type { MatrixView } from "./views.ts";

/** An image (row) and a text (column), by index; -1 stands for none. */
export interface Cell {
  row: number;
  column: number;
}

/** The part of the matrix on view, in places from the top left. */
export interface Zoom {
  row: number;
  column: number;
  rows: number;
  columns: number;
}

/** Which index stands at each place, and where each index stands. */
export interface Order {
  at: number[];
  placeOf: number[];
}

export interface State {
  data: MatrixData;
  view: MatrixView;
  temperature: number;
  bias: number;
  step: number;
  cursor: Cell;
  zoom: Zoom;
  /** A rectangle being drawn, in pixels of the canvas. */
  drag: { x: number; y: number; toX: number; toY: number } | null;
  matrix: Matrix | null;
  now: Analysis | null;
  /** Share of a matrix that is being multiplied. */
  progress: number;
  rowOrder: Order;
  columnOrder: Order;
  sorted: boolean;
  pinnedRows(): number[];
  pinnedTexts(): number[];
}

export const NOTHING: Cell = { row: -1, column: -1 };

function orderOf(at: number[]): Order {
  const placeOf = new Array<number>(at.length);
  at.forEach((index, place) => {
    placeOf[index] = place;
  });
  return { at, placeOf };
}

export const asGiven = (count: number) => orderOf([...Array(count).keys()]);

/** Sorts rows and columns by cluster, or undoes it. Pairs keep one order, so that they stay on the diagonal. */
export function sortByCluster(state: State, on: boolean): void {
  const { matrix, data } = state;
  const { rows, columns, paired } = data;
  state.sorted = on && !!matrix;
  if (!state.sorted || !matrix) {
    state.rowOrder = asGiven(rows);
    state.columnOrder = asGiven(columns);
    return;
  }
  state.rowOrder = orderOf(clusterOrder(matrix.values, rows, columns));
  state.columnOrder = paired ? state.rowOrder : orderOf(clusterOrder(transposed(matrix), columns, rows));
}

function transposed({ values, rows, columns }: Matrix): Float64Array {
  const turned = new Float64Array(values.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j];
  return turned;
}

/** Whether a row, or else a column, is an image. */
export const isImage = ({ data }: State, index: number, down: boolean) =>
  data.numImages ? index < data.numImages : !down;

/** The name of a row, or (`down`) of a column: a caption, or a number. */
export function nameOf(state: State, index: number, down: boolean): string {
  if (isImage(state, index, down)) return `image ${index}`;
  const text = index - state.data.numImages;
  return state.data.captions[text] ?? `text ${text}`;
}

/** Whether image and text belong together: on the diagonal, or as far from it as there are images. */
export const arePair = ({ data }: State, row: number, column: number) =>
  data.numImages
    ? 2 * data.numImages === data.rows && Math.abs(row - column) === data.numImages
    : data.paired && row === column;

export const symbolOf = ({ view, data }: State) => view.symbol.replace("{measure}", data.measure);

/** What the panel describes: what is pinned, else what is under the cursor. `down`: a text's column of images. */
export function subjectOf(state: State): { down: boolean; pinned: boolean; index: number } {
  const row = state.pinnedRows().at(-1);
  const column = state.pinnedTexts().at(-1);
  if (row !== undefined) return { down: false, pinned: true, index: row };
  if (column !== undefined) return { down: true, pinned: true, index: column };
  const { cursor, view } = state;
  const down = cursor.column >= 0 && (view.name === "softmax over images" || cursor.row < 0);
  return { down, pinned: false, index: Math.max(0, down ? cursor.column : cursor.row) };
}
