import { pointerWithin } from "../../shared/frame.ts";
import { openMoves, pinchable } from "../../shared/gestures.ts";
import { clamp } from "../../shared/numbers.ts";
import type { Context } from "../context.ts";
import { addStroke, change, extendStroke, place, resize, turn } from "./edits.ts";
import { type Grip, grab, type Spot } from "./handles.ts";

interface Drag {
  pointer: number;
  /** Whether the picture before it was kept: one drag is one step to undo. */
  kept: boolean;
  grip: Grip | "stroke";
  index: number;
  /** From the pointer to the object's centre. */
  offset: Spot;
  /** The object's radius and rotation, and the pointer's place around its centre, as the drag began. */
  radius: number;
  rotation: number;
  far: number;
  angle: number;
}

/** What a mouse, a pen or a finger does on the stage. A finger on an object drags it; beside the objects it scrolls the
 * page. */
export function followPointer(context: Context, canvas: HTMLCanvasElement): void {
  const { frame, facts, state, set, edit, show } = context;
  const hasMoved = openMoves();
  let drag: Drag | null = null;
  let pressed: Spot | null = null;
  const on = (type: string, handler: (event: PointerEvent) => void) => frame.listen(canvas, type, handler);
  /** What counts as near, as a share of the side: a finger is wider than a mouse. */
  const margin = (touch: boolean) => (touch ? 18 : 8) / canvas.getBoundingClientRect().width;
  const take = (spot: Spot, touch: boolean) =>
    state.tool === "move" ? grab(state.picture, state.chosen, spot, margin(touch)) : null;

  on("pointerdown", (event) => {
    if (drag || event.button > 0) return;
    const spot = pointerWithin(event, canvas);
    const touch = event.pointerType === "touch";
    pressed = spot;
    if (state.tool !== "move") {
      const ink = state.tool === "erase" ? "ground" : state.brush.ink;
      drag = { ...still(event.pointerId), grip: "stroke" };
      edit(addStroke(state.picture, { points: [spot.x, spot.y], width: state.brush.width, ink }));
      if (state.pen) set({ pen: null });
    } else {
      const found = take(spot, touch);
      if (!found) return;
      const thing = state.picture.scene.objects[found.index];
      const offset = { x: thing.x - spot.x, y: thing.y - spot.y };
      drag = {
        pointer: event.pointerId,
        kept: false,
        ...found,
        offset,
        radius: thing.radius,
        rotation: thing.rotation,
        far: Math.hypot(offset.x, offset.y),
        angle: Math.atan2(-offset.y, -offset.x),
      };
      set({ chosen: found.index });
    }
    canvas.setPointerCapture(event.pointerId);
  });

  on("pointermove", (event) => {
    if (!hasMoved(event)) return;
    const spot = pointerWithin(event, canvas);
    const inside = spot.x >= 0 && spot.x < 1 && spot.y >= 0 && spot.y < 1;
    if (drag || event.pointerType !== "touch") set({ hover: inside ? tokenAt(spot, facts) : -1 });
    if (drag?.pointer === event.pointerId) pull(drag, spot);
    else if (!drag) canvas.style.cursor = cursorOf(take(spot, false)?.grip, state.tool);
  });
  const pull = (active: Drag, spot: Spot) => {
    const { picture } = state;
    const { grip, index, offset } = active;
    const thing = picture.scene.objects[index];
    const [dx, dy] = thing ? [spot.x - thing.x, spot.y - thing.y] : [0, 0];
    const next = {
      stroke: () => extendStroke(picture, spot.x, spot.y),
      move: () => place(picture, index, spot.x + offset.x, spot.y + offset.y),
      scale: () => resize(picture, index, (active.radius * Math.hypot(dx, dy)) / (active.far || 1)),
      turn: () => turn(picture, index, active.rotation + Math.atan2(dy, dx) - active.angle),
    }[grip];
    if (grip !== "stroke" && !thing) return;
    if (active.kept) return show(next());
    edit(next());
    active.kept = true;
  };

  const end = (event: PointerEvent) => {
    if (drag?.pointer === event.pointerId) drag = null;
  };
  on("pointerup", (event) => {
    const beside = pressed && !drag && state.tool === "move";
    const spot = pointerWithin(event, canvas);
    const steady = pressed && Math.hypot(pressed.x - spot.x, pressed.y - spot.y) < 0.02;
    end(event);
    pressed = null;
    if (!beside || !steady) return;
    // A click beside the objects lets go of the chosen one; another pins the patch.
    if (state.chosen >= 0) return set({ chosen: -1 });
    const token = tokenAt(spot, facts);
    set({ pinned: state.pinned === token ? -1 : token });
  });
  on("pointercancel", (event) => {
    end(event);
    pressed = null;
  });
  on("pointerleave", (event) => {
    if (!drag && event.pointerType !== "touch" && hasMoved(event)) set({ hover: -1 });
  });
  // The wheel, and two fingers: the chosen object becomes larger or smaller.
  pinchable(frame, canvas, {
    zoom(factor) {
      const thing = state.picture.scene.objects[state.chosen];
      if (!thing) return false;
      edit(resize(state.picture, state.chosen, thing.radius * factor), `scale ${state.chosen}`);
      return true;
    },
  });
  // Without this a finger that drags an object would scroll the page.
  const keep = (event: TouchEvent) => {
    const [finger] = event.touches;
    const spot = pointerWithin(finger, canvas);
    if (event.cancelable && (state.tool !== "move" || take(spot, true))) event.preventDefault();
  };
  frame.listen(canvas, "touchstart", keep, { passive: false });
}

const still = (pointer: number): Omit<Drag, "grip"> => ({
  pointer,
  kept: true,
  index: -1,
  offset: { x: 0, y: 0 },
  radius: 0,
  rotation: 0,
  far: 0,
  angle: 0,
});

function cursorOf(grip: Grip | undefined, tool: string): string {
  if (tool !== "move") return "crosshair";
  return { move: "grab", scale: "nwse-resize", turn: "alias" }[grip!] ?? "default";
}

/** The token of the patch at a place. */
export function tokenAt({ x, y }: Spot, { grid, prefix }: Context["facts"]): number {
  const cell = (share: number, count: number) => Math.floor(clamp(0, share, 0.999999) * count);
  return prefix + cell(y, grid[0]) * grid[1] + cell(x, grid[1]);
}

/** Moves the chosen object, or without one the patch that asks. */
export function step(context: Context, dx: number, dy: number, far: number): void {
  const { state, facts, edit, set, query } = context;
  const thing = state.picture.scene.objects[state.chosen];
  if (thing) {
    const moved = place(state.picture, state.chosen, thing.x + dx * far, thing.y + dy * far);
    edit(moved, `move ${state.chosen}`);
    return;
  }
  const now = Math.max(0, query() - facts.prefix);
  const [rows, columns] = facts.grid;
  const row = clamp(0, Math.floor(now / columns) + dy, rows - 1);
  const column = clamp(0, (now % columns) + dx, columns - 1);
  set({ pinned: facts.prefix + row * columns + column });
}

/** Recolours, reshapes or restyles the chosen object. */
export function restyle(context: Context, part: Parameters<typeof change>[2]): void {
  const { state, edit } = context;
  if (state.chosen >= 0) edit(change(state.picture, state.chosen, part));
}
