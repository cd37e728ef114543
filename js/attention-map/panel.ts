import { make } from "../shared/dom.ts";
import { pointerWithin } from "../shared/frame.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Box } from "../shared/paint.ts";
import type { Surface } from "../shared/painter.ts";
import type { Context } from "./context.ts";
import { ONE_HEAD, ROLLOUT } from "./selection.ts";

export interface Tile {
  layer: number;
  head: number;
  /** Where it is drawn on its canvas. */
  box: Box;
}

/** A panel beside the picture. The layout gives it room; what it makes of it, it answers. */
export interface Panel {
  /** As in Python's `PANELS`; the button that shows it says so. */
  name: string;
  element: HTMLElement;
  /** Whether there is anything to show. */
  useful: boolean;
  /** Sizes its canvas for the room, in pixels; `tight` where nothing may be higher. */
  fit(width: number, height: number, tight: boolean): void;
}

export function makePanel(parent: HTMLElement, name: string, caption: string): HTMLElement {
  const element = make(
    "div",
    { class: "vk-panel", "data-panel": name },
    make("div", { class: "vk-small" }, caption),
  );
  parent.append(element);
  return element;
}

export function resize({ canvas }: Surface, width: number, height: number): void {
  Object.assign(canvas.style, { width: `${Math.round(width)}px`, height: `${Math.round(height)}px` });
  canvas.parentElement!.style.width = `${Math.round(width)}px`;
}

/** Whether a head is part of the map on view. */
export function isOn({ frame, layerOf, headOf }: Context, s: number, layer: number, head: number): boolean {
  const mode = frame.get("mode");
  return layer === layerOf(s) && mode !== ROLLOUT && (mode !== ONE_HEAD || head === headOf(s));
}

export type Choose = (layer: number, head: number) => void;

/** Lets a pointer name the heads of a panel, and a click choose one. */
export function pickHeads(
  context: Context,
  s: number,
  surface: Surface,
  hit: (x: number, y: number) => Tile | null,
  choose: Choose,
): void {
  const { frame, about, depth, mostHeads, blockOf, layerName, headName } = context;
  const { canvas } = surface;
  const under = (event: MouseEvent) => {
    const at = pointerWithin(event, canvas);
    return hit(at.x * surface.width, at.y * surface.height);
  };
  const tell = (event: PointerEvent) => {
    const tile = under(event);
    if (!tile) return frame.tooltip(null);
    const { layer, head, box } = tile;
    const reach = blockOf(s, layer)?.reach?.[head];
    const lines = [layerName(s, layer) + (mostHeads > 1 ? `, ${headName(head)}` : "")];
    if (reach) lines.push(`mean distance ${formatNumber(reach, 2)} of the width`);
    const { left, top, width } = canvas.getBoundingClientRect();
    const scale = width / surface.width;
    const [x, y] = [left + box[0] * scale, top + box[1] * scale];
    frame.tooltip(lines, event, null, undefined, new DOMRect(x, y, box[2] * scale, box[3] * scale));
  };
  frame.listen(canvas, "pointermove", tell);
  frame.listen(canvas, "pointerleave", () => frame.tooltip(null));
  frame.listen<MouseEvent>(canvas, "click", (event) => {
    const tile = under(event);
    const last = about.sides[s].layers.length - 1;
    if (!tile) return;
    choose(last ? Math.round((tile.layer * (depth - 1)) / last) : frame.get("layer"), tile.head);
  });
}
