import type { Atlas } from "../shared/atlas.ts";
import type { Frame } from "../shared/frame.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Labels } from "./labels.ts";
import type { Layout } from "./layout.ts";
import { isImage, nameOf, type State } from "./state.ts";

/** What the painters share: the state, where things are, and what to draw with. */
export interface Scene {
  state: State;
  layout: Layout;
  /** Of the canvas, in CSS pixels: to ask the canvas would make the browser lay out the page. */
  width: number;
  labels: Labels;
  frame: Frame;
  unit: number;
  thumbnails: Atlas | null;
  /** The matrix, one pixel a cell, in the order on view. */
  bitmap: HTMLCanvasElement;
  /** The colour of a cell by its indices, as a 32-bit word. */
  colorOf(row: number, column: number): number;
}

/** Left edge of a column's place; top edge of a row's. */
export const leftOf = ({ state, layout }: Pick<Scene, "state" | "layout">, place: number) =>
  layout.left + (place - state.zoom.column) * layout.width;
export const topOf = ({ state, layout }: Pick<Scene, "state" | "layout">, place: number) =>
  layout.top + (place - state.zoom.row) * layout.height;

const places = (from: number, count: number) => Array.from({ length: count }, (_, k) => from + k);
const rowsOnView = ({ zoom }: State) => places(zoom.row, zoom.rows);
const columnsOnView = ({ zoom }: State) => places(zoom.column, zoom.columns);

export function paintMatrix(scene: Scene): void {
  const { state, layout, labels, frame, bitmap } = scene;
  const { zoom, data } = state;
  const { pen } = labels;
  const width = layout.width * zoom.columns;
  const height = layout.height * zoom.rows;
  pen.imageSmoothingEnabled = layout.width * devicePixelRatio < 1;
  pen.globalAlpha = state.matrix ? 1 : 0.3;
  pen.drawImage(
    bitmap,
    zoom.column,
    zoom.row,
    zoom.columns,
    zoom.rows,
    layout.left,
    layout.top,
    width,
    height,
  );
  pen.globalAlpha = pen.lineWidth = 1;
  pen.strokeStyle = frame.color("line");
  pen.strokeRect(layout.left - 0.5, layout.top - 0.5, width + 1, height + 1);
  if (state.matrix) {
    outlinePairs(scene);
    divideKinds(scene);
    if (layout.width >= 44 * scene.unit) writeNumbers(scene);
    return;
  }
  const share = `${Math.round(state.progress * 100)} %`;
  const text = `Multiplying ${data.rows} × ${data.columns} embeddings … ${share}`;
  labels.write(
    text,
    layout.left + width / 2,
    layout.top + height / 2,
    "center",
    frame.color("ink"),
    "600",
    16,
  );
}

/** Pairs wear a light frame where cells are large enough. */
function outlinePairs(scene: Scene): void {
  const { state, layout, labels } = scene;
  if (!state.data.paired || layout.width < 6) return;
  labels.pen.strokeStyle = "#ffffffb0";
  for (const place of rowsOnView(state)) {
    const column = state.columnOrder.placeOf[state.rowOrder.at[place]];
    if (column < state.zoom.column || column >= state.zoom.column + state.zoom.columns) continue;
    labels.pen.strokeRect(
      leftOf(scene, column) + 1,
      topOf(scene, place) + 1,
      layout.width - 2,
      layout.height - 2,
    );
  }
}

/** A line where the images end and the texts begin, in rows and in columns. */
function divideKinds(scene: Scene): void {
  const { state, layout, labels, unit } = scene;
  const { zoom, data, sorted } = state;
  if (!data.numImages || sorted) return;
  labels.pen.fillStyle = "#fff";
  const [x, y] = [leftOf(scene, data.numImages), topOf(scene, data.numImages)];
  const [width, height] = [layout.width * zoom.columns, layout.height * zoom.rows];
  if (x > layout.left && x < layout.left + width) labels.pen.fillRect(x - unit, layout.top, 2 * unit, height);
  if (y > layout.top && y < layout.top + height) labels.pen.fillRect(layout.left, y - unit, width, 2 * unit);
}

function writeNumbers(scene: Scene): void {
  const { state, layout, labels } = scene;
  const { matrix, now, view } = state;
  if (!matrix || !now) return;
  for (const row of rowsOnView(state))
    for (const column of columnsOnView(state)) {
      const [i, j] = [state.rowOrder.at[row], state.columnOrder.at[column]];
      const value = view.value(matrix, now, i, j);
      // Three decimals fit a cell, powers of ten do not.
      const text = Math.abs(value) < 1e-3 ? "≈0" : formatNumber(value);
      const x = leftOf(scene, column) + layout.width / 2;
      labels.write(text, x, topOf(scene, row) + layout.height / 2, "center", inkOn(scene.colorOf(i, j)));
    }
}

/** Black or white, whichever stands out from a colour (WCAG's relative luminance). */
function inkOn(word: number): string {
  const part = (shift: number) => ((word >> shift) & 255) ** 2.2;
  return 0.2126 * part(0) + 0.7152 * part(8) + 0.0722 * part(16) > 0.179 * 255 ** 2.2 ? "#000" : "#fff";
}

/** The images left of their rows, or the numbers of the rows. */
export function paintImages(scene: Scene): void {
  const { state, layout, labels, frame, unit, thumbnails } = scene;
  const { pen } = labels;
  const picked = new Set(state.pinnedRows());
  const every = thumbnails ? layout.every : Math.ceil((16 * unit) / layout.height);
  const everyName = Math.ceil((14 * unit) / layout.height);
  const bottom = layout.top + layout.height * state.zoom.rows;
  const [focus, muted] = [frame.color("focus"), frame.color("muted")];
  rowsOnView(state).forEach((place, nth) => {
    const index = state.rowOrder.at[place];
    const middle = topOf(scene, place) + layout.height / 2;
    if (picked.has(index)) {
      pen.fillStyle = focus;
      pen.fillRect(layout.left - 4, topOf(scene, place), 3, Math.max(2, layout.height));
    }
    const named = !isImage(state, index, false);
    if (nth % (named ? everyName : every) || middle + layout.thumb / 2 > bottom + layout.thumb) return;
    const left = layout.left - 2 - ((nth % layout.lanes) + 1) * (layout.thumb + 2);
    if (named) {
      pen.font = frame.font(11);
      const text = labels.cut(nameOf(state, index, false), layout.left - 8);
      labels.write(text, layout.left - 6, middle, "right", index === state.cursor.row ? focus : muted);
      return;
    }
    thumbnails?.draw(pen, index, left, middle - layout.thumb / 2, layout.thumb);
    if (!thumbnails || layout.every > 1)
      labels.write(String(index), layout.left - 8 - layout.thumb, middle, "right", muted);
    else if (index === state.cursor.row || picked.has(index)) {
      pen.strokeStyle = focus;
      pen.lineWidth = 2 * unit;
      pen.strokeRect(left, middle - layout.thumb / 2, layout.thumb, layout.thumb);
    }
  });
}

/** The captions above their columns, or the numbers of the columns. */
export function paintTexts(scene: Scene): void {
  const { state, layout, labels, frame, unit, thumbnails } = scene;
  const { pen } = labels;
  const picked = new Set(state.pinnedTexts());
  const size = Math.min(12, (0.8 * layout.width) / unit);
  const every = layout.slant ? 1 : Math.ceil((34 * unit) / layout.width);
  // Images above their columns stand in as many lanes as their size needs and the captions' room allows.
  const needed = Math.ceil(layout.thumb / layout.width);
  const lanes = Math.max(1, Math.min(needed, Math.floor((layout.top - 4) / (layout.thumb + 2))));
  const side = Math.min(layout.thumb, layout.top - 6);
  const [focus, ink, muted] = [frame.color("focus"), frame.color("ink"), frame.color("muted")];
  columnsOnView(state).forEach((place, nth) => {
    const index = state.columnOrder.at[place];
    const active = index === state.cursor.column || picked.has(index);
    const middle = leftOf(scene, place) + layout.width / 2;
    if (picked.has(index)) {
      pen.fillStyle = focus;
      pen.fillRect(leftOf(scene, place), layout.top - 4, Math.max(2, layout.width), 3);
    }
    if (nth % every) return;
    if (thumbnails && layout.slant && isImage(state, index, true)) {
      const above = layout.top - 4 - side - (nth % lanes) * (side + 2);
      thumbnails.draw(pen, index, middle - side / 2, above, side);
      return;
    }
    if (!layout.slant) {
      labels.write(String(index), middle, layout.top - 9 * unit, "center", muted);
      return;
    }
    const weight = active ? "700" : "400";
    pen.save();
    pen.translate(middle + 3, layout.top - 6);
    pen.rotate(-layout.slant);
    pen.font = frame.font(size, weight);
    const text = labels.cut(nameOf(state, index, true), layout.label);
    labels.write(text, 0, 0, "left", active ? focus : ink, weight, size);
    pen.restore();
  });
}

/** Row and column under the cursor, and the rectangle being drawn. */
export function paintCross(scene: Scene): void {
  const { state, layout, labels, unit } = scene;
  const { cursor, zoom, drag } = state;
  const frameBox = (x: number, y: number, width: number, height: number, ink: string) => {
    labels.pen.lineWidth = 1.5 * unit;
    labels.pen.strokeStyle = "#000c";
    labels.pen.strokeRect(x - 1, y - 1, width + 2, height + 2);
    labels.pen.strokeStyle = ink;
    labels.pen.strokeRect(x, y, width, height);
  };
  const row = state.rowOrder.placeOf[cursor.row] ?? -1;
  const column = state.columnOrder.placeOf[cursor.column] ?? -1;
  const onRow = row >= zoom.row && row < zoom.row + zoom.rows;
  const onColumn = column >= zoom.column && column < zoom.column + zoom.columns;
  const [x, y] = [leftOf(scene, column), topOf(scene, row)];
  if (onRow) frameBox(layout.left, y, layout.width * zoom.columns, layout.height, "#fff9");
  if (onColumn) frameBox(x, layout.top, layout.width, layout.height * zoom.rows, "#fff9");
  if (onRow && onColumn) frameBox(x, y, layout.width, layout.height, "#fff");
  if (drag) frameBox(drag.x, drag.y, drag.toX - drag.x, drag.toY - drag.y, "#fff");
}
