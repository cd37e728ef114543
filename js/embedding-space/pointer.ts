import type { Frame } from "../shared/frame.ts";
import { pointerWithin } from "../shared/frame.ts";
import { openMoves, pinchable } from "../shared/gestures.ts";
import type { Actions } from "./actions.ts";
import { type Grid, inside, nearestPoint } from "./geometry.ts";
import type { Plot } from "./plot.ts";
import type { Place } from "./renderer.ts";
import { type Camera, firstOf, isShown, mapOf, type State } from "./state.ts";

interface Parts {
  state: State;
  frame: Frame;
  camera: Camera;
  plot: Plot;
  canvas: HTMLCanvasElement;
  size: () => { width: number; height: number };
  gridOf: (place: Place) => Grid;
  actions: Actions;
}

/** Below this a drag is a click. */
const CLICK = 4;

/** Hover, click, drag to move, shift or the tool to draw a lasso. Returns whether a button or finger is down. */
export function openPointer(parts: Parts): () => boolean {
  const { state, frame, camera, canvas, size, actions } = parts;
  let held: { x: number; y: number; id: number } | null = null;
  let travelled = 0;
  const hasMoved = openMoves();
  const placeOf = (event: PointerEvent | { clientX: number; clientY: number }): [number, number] => {
    const { x, y } = pointerWithin(event, canvas);
    return [x * size().width, y * size().height];
  };
  frame.listen<PointerEvent>(canvas, "pointerdown", (event) => {
    if (event.button) return;
    const [x, y] = placeOf(event);
    travelled = 0;
    if (event.pointerType === "touch") actions.hover(pointAt(parts, x, y), event);
    // A finger moves the map only when the plot has the focus; else it scrolls the page.
    if (event.pointerType === "touch" && !isFocused(canvas)) return;
    canvas.setPointerCapture(event.pointerId);
    held = { x, y, id: event.pointerId };
    if (state.lassoTool || event.shiftKey) state.lasso = [[x, y]];
  });
  frame.listen<PointerEvent>(canvas, "pointermove", (event) => {
    if (!hasMoved(event)) return;
    const [x, y] = placeOf(event);
    if (!held) return actions.hover(pointAt(parts, x, y), event);
    if (event.pointerId !== held.id) return;
    const [dx, dy] = [x - held.x, y - held.y];
    travelled += Math.hypot(dx, dy);
    held = { ...held, x, y };
    if (state.lasso) {
      state.lasso.push([x, y]);
      return frame.requestDraw();
    }
    if (travelled < CLICK) return;
    state.camera.x -= dx / camera.scale();
    state.camera.y += dy / camera.scale();
    actions.moved();
  });
  const released = (event: PointerEvent) => {
    if (held?.id !== event.pointerId) return;
    held = null;
    const outline = state.lasso?.map(([x, y]) => camera.unitAt(x, y));
    state.lasso = null;
    frame.requestDraw();
    if (event.type !== "pointerup") return;
    if (outline && travelled >= CLICK) actions.select(within(state, outline));
    else if (travelled < CLICK) actions.select(clicked(state));
  };
  for (const type of ["pointerup", "pointercancel"]) frame.listen<PointerEvent>(canvas, type, released);
  frame.listen<PointerEvent>(canvas, "pointerleave", (event) => {
    // What a finger tapped stays when it is lifted.
    if (event.pointerType !== "touch" && hasMoved(event)) actions.hover(-1);
  });
  frame.listen(canvas, "dblclick", actions.reset);
  pinchable(frame, canvas, {
    zoom(factor, at) {
      held = null; // a second finger ends the drag
      actions.zoomBy(factor, ...placeOf(at));
      return true;
    },
  });
  return () => held !== null;
}

const isFocused = (canvas: HTMLCanvasElement) =>
  (canvas.getRootNode() as Document | ShadowRoot).activeElement === canvas;

/** The point under a place of the plot, or -1. */
function pointAt({ state, camera, plot, gridOf }: Parts, x: number, y: number): number {
  const least = state.data.count > 20_000 ? 7 : 14;
  const radius = Math.max(least, plot.look().radius + 2);
  const [right, up] = camera.unitAt(x, y);
  const reach = (radius / camera.scale()) * 65535;
  const shown = (i: number) => isShown(state, i);
  return nearestPoint(gridOf(state.to), mapOf(state).points, firstOf(state), right, up, reach, shown);
}

function clicked({ hovered, selected }: State): number[] {
  const again = selected.length === 1 && selected[0] === hovered;
  return hovered < 0 || again ? [] : [hovered];
}

/** Shown points inside of an outline in 16-bit units. */
function within(state: State, outline: number[][]): number[] {
  const { points } = mapOf(state);
  const [left, low] = [0, 1].map((axis) => Math.min(...outline.map((corner) => corner[axis])));
  const found: number[] = [];
  for (let i = 0; i < state.data.count; i++) {
    const at = 2 * (firstOf(state) + i);
    const [x, y] = [points[at], points[at + 1]];
    if (x >= left && y >= low && isShown(state, i) && inside(outline, x, y)) found.push(i);
  }
  return found;
}
