import { CATEGORY_COLORS } from "../../shared/color.ts";
import { contextOf, make } from "../../shared/dom.ts";
import { type Context, placeOf } from "../context.ts";
import { drawThing } from "../world/draw.ts";
import { css, inkOf } from "../world/palette.ts";
import type { WordMap } from "./maps.ts";

const ICON = 48;

/** Draws the word that each patch would choose: a shape's outline, a colour, or a caption's number; the fainter, the
 * less sure. */
export function openWordPainter({ facts, frame, state }: Context) {
  const icons = new Map<string, HTMLCanvasElement>();
  const iconOf = (shape: number, dark: boolean) => {
    const key = `${shape} ${dark}`;
    const found = icons.get(key) ?? drawIcon(shape, dark);
    icons.set(key, found);
    return found;
  };
  return (pen: CanvasRenderingContext2D, { list, best, sure }: WordMap, side: number) => {
    const [high, wide] = [side / facts.grid[0], side / facts.grid[1]];
    pen.globalAlpha = state.opacity;
    pen.fillStyle = frame.color("paper");
    pen.fillRect(0, 0, side, side);
    best.forEach((word, patch) => {
      const [row, column] = placeOf(patch, facts);
      const [x, y] = [column * wide, row * high];
      pen.globalAlpha = 0.15 + 0.85 * sure[patch];
      if (list.kind === "shape") {
        const inset = 0.08 * wide;
        pen.drawImage(iconOf(word, frame.dark()), x + inset, y + inset, wide - 2 * inset, high - 2 * inset);
        return;
      }
      pen.fillStyle =
        list.kind === "color" ? css(inkOf(word, 0)) : CATEGORY_COLORS[word % CATEGORY_COLORS.length];
      pen.beginPath();
      pen.roundRect(x + 0.1 * wide, y + 0.1 * high, 0.8 * wide, 0.8 * high, 0.15 * wide);
      pen.fill();
      if (list.kind === "color") return;
      pen.globalAlpha = 1;
      Object.assign(pen, { fillStyle: "#fff", textAlign: "center", textBaseline: "middle" });
      pen.font = `700 ${0.45 * high}px ${frame.style("font-family")}`;
      Object.assign(pen, { strokeStyle: "#000a", lineWidth: 0.09 * high, lineJoin: "round" });
      pen.strokeText(String(word + 1), x + wide / 2, y + high / 2);
      pen.fillText(String(word + 1), x + wide / 2, y + high / 2);
      pen.textBaseline = "alphabetic";
    });
    pen.globalAlpha = 1;
  };
}

/** A shape in the ink of the theme. */
function drawIcon(shape: number, dark: boolean): HTMLCanvasElement {
  const thing = { shape, color: 0, style: 0, x: 0.5, y: 0.5, radius: 0.48, rotation: 0 };
  const { left, top, side, pixels } = drawThing(thing, 0, ICON);
  const canvas = make("canvas", { width: String(ICON), height: String(ICON) });
  const pen = contextOf(canvas);
  const image = pen.createImageData(side, side);
  for (let at = 3; at < pixels.length; at += 4) {
    image.data.fill(dark ? 235 : 25, at - 3, at);
    image.data[at] = Math.round(255 * pixels[at]);
  }
  pen.putImageData(image, left, top);
  return canvas;
}
