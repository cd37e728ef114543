import { formatNumber } from "../../shared/numbers.ts";
import { cells } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import type { Context } from "../context.ts";
import type { PatchMap } from "../stage/maps.ts";
import { signedVeil, veil } from "../stage/veil.ts";

/** What the colours over the picture mean. */
export function openLegend(context: Context, parent: HTMLElement, map: () => PatchMap | null): void {
  const { frame, text } = context;
  const ramp = cells(128, 1);
  const paint = ({ context: pen, width, height }: Surface) => {
    const now = map();
    if (now?.kind === "words") {
      const most = Math.max(...now.sure);
      const words = `${now.name}: the fainter, the less sure; the surest patch ${formatNumber(100 * most, 2)}%`;
      text(pen, words, 0, height * 0.65, "left", "muted", width);
    }
    if (now?.kind !== "values") return;
    for (let at = 0; at < 128; at++) ramp.words[at] = now.signed ? signedVeil(at / 63.5 - 1) : veil(at / 127);
    ramp.put();
    const name = `${now.name} `;
    const [low, high] = [now.low, now.high].map((value) => formatNumber(value, 2));
    const line = height * 0.65;
    text(pen, name, 0, line, "left");
    const named = pen.measureText(`${name} `).width;
    text(pen, low, named, line, "left");
    text(pen, high, width, line, "right");
    const left = named + pen.measureText(low).width + 6;
    const right = width - pen.measureText(high).width - 6;
    pen.fillStyle = "#fff";
    pen.fillRect(left, height * 0.3, right - left, height * 0.45);
    pen.drawImage(ramp.canvas, left, height * 0.3, right - left, height * 0.45);
    pen.strokeStyle = frame.color("line");
    pen.strokeRect(left, height * 0.3, right - left, height * 0.45);
  };
  const shows = () => {
    const now = map();
    if (!now) return [];
    return now.kind === "values"
      ? [now.name, now.signed, now.low, now.high]
      : [now.name, Math.max(...now.sure)];
  };
  const attributes = { class: "vk-canvas vk-legend", "data-processor": "" };
  frame.surface(parent, "What the colours mean", paint, attributes, shows);
}
