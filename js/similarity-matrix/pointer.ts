import type { Atlas } from "../shared/atlas.ts";
import { type Frame, pointerWithin } from "../shared/frame.ts";
import { openMoves, pinchable } from "../shared/gestures.ts";
import type { Surface } from "../shared/painter.ts";
import type { Actions } from "./actions.ts";
import type { Layout } from "./layout.ts";
import { leftOf, topOf } from "./picture.ts";
import { type Cell, isImage, NOTHING, type State } from "./state.ts";
import { setZoom, showAll, zoomBy } from "./zoom.ts";

/** A drag shorter than this is a click. */
const CLICK = 8;

/** Index of the cell at a point of the canvas; above the matrix a column, left of it a row. */
export function cellAt(state: State, layout: Layout, x: number, y: number): Cell {
  const { zoom, rowOrder, columnOrder } = state;
  // Captions lean: what is written above a column stands right of it.
  const shift = layout.slant && y < layout.top ? (layout.top - y) / Math.tan(layout.slant) : 0;
  const row = Math.floor((y - layout.top) / layout.height);
  const column = Math.floor((x - shift - layout.left) / layout.width);
  if (row >= zoom.rows || column >= zoom.columns || (row < 0 && column < 0)) return NOTHING;
  return {
    row: row < 0 ? -1 : rowOrder.at[row + zoom.row],
    column: column < 0 ? -1 : columnOrder.at[column + zoom.column],
  };
}

interface Parts {
  state: State;
  frame: Frame;
  surface: Surface;
  layout: () => Layout;
  actions: Actions;
  thumbnails: Atlas | null;
  cellLines: () => string[];
}

export function openPointer(parts: Parts): void {
  const { state, frame, surface, layout, actions, cellLines, thumbnails } = parts;
  const { canvas } = surface;
  const spot = (event: PointerEvent | WheelEvent): [number, number] => {
    const { x, y } = pointerWithin(event, canvas);
    return [x * surface.width, y * surface.height];
  };
  const locate = (event: PointerEvent | WheelEvent) => cellAt(state, layout(), ...spot(event));
  const hint = (event: PointerEvent) => {
    const { row, column } = state.cursor;
    if (row < 0 && column < 0) return frame.tooltip(null);
    const draw = row >= 0 && isImage(state, row, false) && thumbnails;
    const picture = draw
      ? (pen: CanvasRenderingContext2D, size: number) => draw.draw(pen, row, 0, 0, size)
      : null;
    frame.tooltip(cellLines(), event, picture, canvas.getBoundingClientRect().right, coveredBox(parts));
  };
  const hasMoved = openMoves();
  frame.listen<PointerEvent>(canvas, "pointermove", (event) => {
    if (!hasMoved(event)) return;
    if (state.drag) {
      [state.drag.toX, state.drag.toY] = spot(event);
      frame.tooltip(null);
      return frame.requestDraw();
    }
    actions.moveTo(locate(event));
    hint(event);
  });
  frame.listen<PointerEvent>(canvas, "pointerleave", (event) => {
    // What a finger tapped stays when it is lifted.
    if (state.drag || event.pointerType === "touch" || !hasMoved(event)) return;
    actions.moveTo(NOTHING);
    frame.tooltip(null);
  });
  openDrag(parts, spot, locate, hint);
  frame.listen(canvas, "dblclick", () => {
    showAll(state);
    frame.requestDraw();
  });
  pinchable(frame, canvas, {
    zoom(factor, event) {
      const { zoom, data } = state;
      if (factor < 1 && zoom.rows === data.rows && zoom.columns === data.columns) return false;
      const { row, column } = locate(event as WheelEvent);
      zoomBy(
        state,
        factor < 1 ? 1.25 : 0.8,
        state.rowOrder.placeOf[row] ?? 0,
        state.columnOrder.placeOf[column] ?? 0,
      );
      frame.requestDraw();
      return true;
    },
  });
}

/** Where the cell on the screen is that a tooltip speaks of. */
function coveredBox({ state, surface, layout }: Parts): DOMRect {
  const box = surface.canvas.getBoundingClientRect();
  const scale = box.width / surface.width;
  const scene = { state, layout: layout() };
  const x = leftOf(scene, state.columnOrder.placeOf[state.cursor.column] ?? state.zoom.column);
  const y = topOf(scene, state.rowOrder.placeOf[state.cursor.row] ?? state.zoom.row);
  const { width, height } = scene.layout;
  return new DOMRect(box.left + x * scale, box.top + y * scale, width * scale, height * scale);
}

/** A click pins, a rectangle zooms. A finger inspects and pins by a long press; it draws no rectangles. */
function openDrag(
  { state, frame, surface, layout, actions }: Parts,
  spot: (event: PointerEvent) => [number, number],
  locate: (event: PointerEvent) => Cell,
  hint: (event: PointerEvent) => void,
): void {
  const { canvas } = surface;
  let cancelPress = () => {};
  frame.listen<PointerEvent>(canvas, "pointerdown", (event) => {
    if (event.button) return;
    actions.moveTo(locate(event));
    if (event.pointerType === "touch") {
      hint(event);
      cancelPress = frame.later(() => actions.pin(), LONG_PRESS);
      return;
    }
    const [x, y] = spot(event);
    state.drag = { x, y, toX: x, toY: y };
    canvas.setPointerCapture(event.pointerId);
  });
  frame.listen<PointerEvent>(canvas, "pointerup", () => {
    cancelPress();
    const from = state.drag;
    state.drag = null;
    if (!from) return;
    if (Math.hypot(from.toX - from.x, from.toY - from.y) < CLICK) return actions.pin();
    const { left, top, width, height } = layout();
    const { zoom } = state;
    const [row, tall] = ends(from.y - top, from.toY - top, height, zoom.row);
    const [column, wide] = ends(from.x - left, from.toX - left, width, zoom.column);
    setZoom(state, row, column, tall, wide);
    frame.requestDraw();
  });
  frame.listen(canvas, "pointercancel", () => {
    cancelPress();
    state.drag = null;
    frame.requestDraw();
  });
}

const LONG_PRESS = 500;

/** First place, and how many, between two points along one side. */
function ends(p: number, q: number, size: number, first: number): [number, number] {
  const from = Math.floor(first + Math.min(p, q) / size);
  return [from, Math.ceil(first + Math.max(p, q) / size) - from];
}
