import { clamp } from "../../shared/numbers.ts";
import type { Context } from "../context.ts";
import type { Tool } from "../store.ts";
import { addStroke, extendStroke } from "./edits.ts";
import type { Spot } from "./handles.ts";

/** Brush and eraser by keyboard: a pen that the arrows move, and that draws while it is down. */
export interface Pen extends Spot {
  down: boolean;
}

/** Where the pen is; before it was moved, at the patch that asks. */
export function penOf({ state, facts, query }: Context): Pen {
  if (state.pen) return state.pen;
  const [rows, columns] = facts.grid;
  const patch = Math.max(0, query() - facts.prefix);
  const [row, column] = [Math.floor(patch / columns), patch % columns];
  return { x: (column + 0.5) / columns, y: (row + 0.5) / rows, down: false };
}

/** Takes a tool into the hand. */
export function take({ state, set }: Context, tool: Tool): void {
  set({ tool, pen: null, chosen: tool === "move" ? state.chosen : -1 });
}

/** Puts the pen down, which paints a dot, or lifts it. All that is drawn in between is one step to undo. */
export function press(context: Context): void {
  const { state, edit, set } = context;
  const pen = penOf(context);
  if (pen.down) {
    set({ pen: { ...pen, down: false } });
    return;
  }
  const ink = state.tool === "erase" ? "ground" : state.brush.ink;
  edit(addStroke(state.picture, { points: [pen.x, pen.y], width: state.brush.width, ink }));
  set({ pen: { ...pen, down: true } });
}

/** Moves the pen; while it is down, it draws a line. */
export function movePen(context: Context, dx: number, dy: number): void {
  const { state, set, show } = context;
  const { x, y, down } = penOf(context);
  const next = { x: clamp(0, x + dx, 1), y: clamp(0, y + dy, 1), down };
  if (down) show(extendStroke(state.picture, next.x, next.y));
  set({ pen: next });
}

/** A ring as wide as what the pen paints, with a dot in it while it is down. */
export function paintPen(
  ink: CanvasRenderingContext2D,
  { x, y, down }: Pen,
  width: number,
  side: number,
): void {
  for (const [strokeStyle, lineWidth] of [["#000c", 4] as const, ["#fff", 2] as const]) {
    Object.assign(ink, { strokeStyle, lineWidth, fillStyle: strokeStyle });
    ink.beginPath();
    ink.arc(x * side, y * side, Math.max(4, (width / 2) * side), 0, 7);
    ink.stroke();
    if (!down) continue;
    ink.beginPath();
    ink.arc(x * side, y * side, lineWidth + 1, 0, 7);
    ink.fill();
  }
}
