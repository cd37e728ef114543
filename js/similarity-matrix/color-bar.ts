import { colorTable } from "../shared/color.ts";
import { contextOf, make } from "../shared/dom.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Scene } from "./picture.ts";
import { symbolOf } from "./state.ts";
import { ticksOf } from "./views.ts";

/** The colour bar below the matrix, its numbers, and what they are. */
export function openColorBar(): (scene: Scene) => void {
  const context = contextOf(make("canvas", { width: "256", height: "1" }));
  const ramp = context.createImageData(256, 1);
  const words = new Uint32Array(ramp.data.buffer);
  return ({ state, layout, labels, frame, unit, width: across }) => {
    const { view, zoom, data } = state;
    const top = layout.top + layout.height * zoom.rows + 14 * unit;
    const least = Math.min(220 * unit, across - layout.left - 4);
    const width = Math.max(layout.width * zoom.columns, least);
    const ink = frame.color("ink");
    words.set(colorTable(view.colormap));
    context.putImageData(ramp, 0, 0);
    labels.pen.drawImage(context.canvas, layout.left, top, width, 9 * unit);
    for (const [place, value] of ticksOf(view, data.range, data.rows)) {
      const align = place < 0.02 ? "left" : place > 0.98 ? "right" : "center";
      const text = formatNumber(value, view.signed ? 3 : 2);
      labels.write(text, layout.left + width * place, top + 18 * unit, align, ink);
    }
    labels.write(symbolOf(state), layout.left, top + 34 * unit, "left", ink, "600", 12);
  };
}
