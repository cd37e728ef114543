import { pointerWithin } from "../../shared/frame.ts";
import { formatNumber } from "../../shared/numbers.ts";
import type { Context } from "../context.ts";
import { percent } from "../numbers.ts";
import type { PatchMap } from "./maps.ts";
import { tokenAt } from "./pointer.ts";

/** Says beside a resting pointer what the map has at its patch. */
export function openHints(context: Context, canvas: HTMLCanvasElement, map: () => PatchMap | null): void {
  const { frame, facts, tokenName, state } = context;
  const hide = () => frame.tooltip(null);
  frame.listen<PointerEvent>(canvas, "pointermove", (event) => {
    const now = map();
    const busy = event.buttons > 0 || event.pointerType === "touch" || state.tool !== "move";
    // The picture alone needs no words, and attention is read at the patch that it points to.
    if (!now || busy || state.show === "attention") return hide();
    const token = tokenAt(pointerWithin(event, canvas), facts);
    frame.tooltip([lineOf(now, token - facts.prefix), tokenName(token)], event);
  });
  frame.listen(canvas, "pointerdown", hide);
  frame.listen(canvas, "pointerleave", hide);
}

function lineOf(map: PatchMap, patch: number): string {
  if (map.kind === "words") {
    const word = map.list.readings().names[map.best[patch]];
    return `${word}: ${percent(map.sure[patch])}`;
  }
  const value = map.values[patch];
  return `${map.name} ${Number.isNaN(value) ? "… not measured yet" : formatNumber(value, 2)}`;
}
