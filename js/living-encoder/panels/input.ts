import { make, setText } from "../../shared/dom.ts";
import { cells } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import type { Context } from "../context.ts";
import { orderOf } from "../store.ts";

/** The very pixels that the encoder receives; shuffled where the patches are. */
export function openInput(context: Context, parent: HTMLElement) {
  const { frame, facts, answers, state, onWords } = context;
  const size = facts.imageSize;
  const note = make("div", { class: "vk-small" });
  const element = make("div", { class: "vk-panel vk-input-panel", "data-panel": "input" });
  parent.append(element);
  const raster = cells(size, size);
  const order = orderOf(facts);
  const paint = ({ context: pen, width, height }: Surface) => {
    const planes = answers.pixels();
    const plane = size * size;
    const shuffled = state.off.positions === "shuffled";
    const byte = (at: number) => Math.round(255 * planes[at]);
    for (let at = 0; at < plane; at++) {
      const from = shuffled ? shuffledFrom(at) : at;
      raster.words[at] =
        (255 << 24) | (byte(2 * plane + from) << 16) | (byte(plane + from) << 8) | byte(from);
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
  const surface = frame.surface(element, "What the encoder receives", paint, { "data-processor": "" }, () => [
    answers.pixels(),
    state.off.positions,
  ]);
  element.append(note);
  onWords(() => {
    const time = answers.milliseconds();
    const words = [`${size} × ${size} pixels arrive`];
    if (time) words.push(`answer in ${time < 9.5 ? time.toFixed(1) : Math.round(time)} ms, in this browser`);
    setText(note, words.join("; "));
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
