import { make } from "../../shared/dom.ts";
import { cells } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import type { Context } from "../context.ts";
import { orderOf } from "../store.ts";

/** The very pixels that the encoder receives; shuffled where the patches are. */
export function openInput(context: Context, parent: HTMLElement) {
  const { frame, facts, answers, state, onUpdate } = context;
  const size = facts.imageSize;
  const note = make("div", { class: "vk-small" });
  const element = make("div", { class: "vk-panel vk-input-panel", "data-panel": "input" });
  parent.append(element);
  const raster = cells(size, size);
  const order = orderOf(facts);
  const paint = ({ context: pen, width, height }: Surface) => {
    const planes = answers.pixels();
    const plane = size * size;
    for (let at = 0; at < plane; at++) {
      const from = state.off.positions === "shuffled" ? shuffledFrom(at) : at;
      const [red, green, blue] = [0, 1, 2].map((channel) => Math.round(255 * planes[channel * plane + from]));
      raster.words[at] = (255 << 24) | (blue << 16) | (green << 8) | red;
    }
    raster.put();
    pen.imageSmoothingEnabled = false;
    pen.drawImage(raster.canvas, 0, 0, width, height);
  };
  /** Where a pixel of the shuffled picture comes from. */
  const shuffledFrom = (at: number) => {
    const [rows, columns] = facts.grid;
    const [high, wide] = [size / rows, size / columns];
    const [row, column] = [Math.floor(at / size), at % size];
    const patch = order[Math.floor(row / high) * columns + Math.floor(column / wide)];
    return (
      (Math.floor(patch / columns) * high + (row % high)) * size + (patch % columns) * wide + (column % wide)
    );
  };
  const surface = frame.surface(element, "What the encoder receives", paint, { "data-processor": "" });
  element.append(note);
  onUpdate(() => {
    const time = answers.milliseconds();
    const words = [`${size} × ${size} pixels arrive`];
    if (time) words.push(`answer in ${time < 9.5 ? time.toFixed(1) : Math.round(time)} ms, in this browser`);
    note.textContent = words.join("; ");
  });
  return {
    element,
    fit(width: number) {
      Object.assign(surface.canvas.style, {
        width: `${Math.round(width)}px`,
        height: `${Math.round(width)}px`,
      });
    },
  };
}
