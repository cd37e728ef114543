import { make, setText } from "../../shared/dom.ts";
import { pointerWithin } from "../../shared/frame.ts";
import { type Box, cells, outline, PIN, wordOf } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import type { Context } from "../context.ts";
import { headKey } from "../engine.ts";
import { span } from "../numbers.ts";
import { attentionLayer } from "../stage/maps.ts";
import { toggled } from "../store.ts";

/** The attention of the asking token in every head of every layer: a row a layer. A click looks at a head; a second
 * click, or "o", switches it off. */
export function openHeads(context: Context, parent: HTMLElement) {
  const { frame, facts, state, answers, query, tokenName, onUpdate } = context;
  const { layers, heads, grid } = facts;
  const caption = make("div", { class: "vk-small" }, "");
  const element = make("div", { class: "vk-panel", "data-panel": "heads" }, caption);
  parent.append(element);
  element.hidden = !layers;
  // All heads side by side in one picture.
  const pixels = cells(grid[1] * heads || 1, grid[0] * layers || 1);
  const label = () => 17 * frame.scale();
  const boxOf = (layer: number, head: number, width: number): Box => {
    const size = (width - label()) / heads;
    const gap = Math.max(2, 0.06 * size);
    return [label() + head * size + gap / 2, label() + layer * size + gap / 2, size - gap, size - gap];
  };
  const isOff = (layer: number, head: number) =>
    state.off.layers.has(layer) || state.off.heads.has(headKey(layer, head));
  const upright = (words: string, [, y, , height]: Box) => {
    const pen = surface.context;
    pen.save();
    pen.translate(12 * frame.scale(), y + height / 2);
    pen.rotate(-Math.PI / 2);
    context.text(pen, words, 0, 0, "center", "muted", height);
    pen.restore();
  };
  /** The attention of one head, as pixels of its place in the common picture. */
  const fill = (layer: number, head: number) => {
    const [rows, columns] = grid;
    const row = answers.attention(layer, head, query());
    const most = span(row)[1] || 1;
    for (let patch = 0; patch < row.length; patch++) {
      const y = layer * rows + Math.floor(patch / columns);
      pixels.words[(y * heads + head) * columns + (patch % columns)] = wordOf(false, row[patch] / most);
    }
  };
  const paint = ({ context: pen, width }: Surface) => {
    if (!layers) return;
    pen.imageSmoothingEnabled = false;
    for (let head = 0; head < heads; head++) {
      const [x, , size] = boxOf(0, head, width);
      context.text(pen, `head ${head + 1}`, x + size / 2, 12 * frame.scale(), "center", "muted", size);
    }
    for (let layer = 0; layer < layers; layer++) for (let head = 0; head < heads; head++) fill(layer, head);
    pixels.put();
    const [rows, columns] = grid;
    for (let layer = 0; layer < layers; layer++)
      for (let head = 0; head < heads; head++) {
        const box = boxOf(layer, head, width);
        if (!head) upright(`layer ${layer + 1}`, box);
        pen.globalAlpha = isOff(layer, head) ? 0.25 : 1;
        pen.drawImage(pixels.canvas, head * columns, layer * rows, columns, rows, ...box);
        pen.globalAlpha = 1;
        if (isOff(layer, head)) cross(pen, box, frame.color("ink"), 2 * frame.scale());
        const on = layer === attentionLayer(context) && (state.head < 0 || state.head === head);
        if (on && state.show === "attention") outline(pen, box, PIN);
      }
  };
  const attributes = { style: "cursor:pointer", "data-processor": "" };
  const surface = frame.surface(element, "Attention of all heads", paint, attributes, () => [
    answers.image(),
    query(),
    state.off,
    state.show,
    state.depth,
    state.head,
  ]);
  const hit = (event: MouseEvent) => {
    const at = pointerWithin(event, surface.canvas);
    const size = (surface.width - label()) / heads;
    const head = Math.floor((at.x * surface.width - label()) / size);
    const layer = Math.floor((at.y * surface.height - label()) / size);
    return head >= 0 && head < heads && layer >= 0 && layer < layers ? { layer, head } : null;
  };
  frame.listen<MouseEvent>(surface.canvas, "click", (event) => {
    const found = hit(event);
    if (!found) return;
    const { layer, head } = found;
    const again = state.show === "attention" && layer === attentionLayer(context) && head === state.head;
    if (again) context.switchOff({ heads: toggled(state.off.heads, headKey(layer, head)) });
    else context.set({ show: "attention", depth: layer + 1, head });
  });
  frame.listen<PointerEvent>(surface.canvas, "pointermove", (event) => {
    const found = hit(event);
    if (!found) return frame.tooltip(null);
    const words = `layer ${found.layer + 1}, head ${found.head + 1}`;
    frame.tooltip([words, "click: look at it; again: switch it off"], event);
  });
  frame.listen(surface.canvas, "pointerleave", () => frame.tooltip(null));
  onUpdate(() => {
    setText(caption, `attention of the ${tokenName(query())} in all heads`);
  });
  return {
    element,
    /** Gives the canvas a width; its height follows. */
    fit(width: number) {
      const size = (width - label()) / heads;
      Object.assign(surface.canvas.style, {
        width: `${Math.round(width)}px`,
        height: `${Math.round(label() + layers * size)}px`,
      });
    },
    /** Height for a width, and width for a height. */
    ratio: layers / Math.max(1, heads),
  };
}

function cross(pen: CanvasRenderingContext2D, [x, y, width, height]: Box, ink: string, line: number): void {
  Object.assign(pen, { strokeStyle: ink, lineWidth: line });
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + width, y + height);
  pen.moveTo(x + width, y);
  pen.lineTo(x, y + height);
  pen.stroke();
}
