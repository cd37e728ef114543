import { colorTable } from "./color.ts";
import { contextOf, make } from "./dom.ts";
import type { Frame } from "./frame.ts";
import { clamp } from "./numbers.ts";

/** Around what is pinned or chosen: stands out from both colour maps. */
export const PIN = "#ff9d3c";

export type Box = [left: number, top: number, width: number, height: number];

/** A canvas in memory that holds one pixel a cell. */
export function cells(width: number, height: number) {
  const canvas = make("canvas", { width: String(width), height: String(height) });
  const pen = contextOf(canvas);
  const image = pen.createImageData(width, height);
  return { canvas, words: new Uint32Array(image.data.buffer), put: () => pen.putImageData(image, 0, 0) };
}

/** The colour of a share of the limit, as a pixel. */
export function wordOf(signed: boolean, share: number): number {
  return signed
    ? colorTable("diverging")[Math.round(127.5 + 127.5 * clamp(-1, share, 1))]
    : colorTable("magma")[Math.round(255 * clamp(0, share, 1))];
}

/** A frame that shows on any picture. */
export function outline(pen: CanvasRenderingContext2D, box: Box, ink: string, width = 2): void {
  for (const [strokeStyle, lineWidth] of [["#000a", width + 2] as const, [ink, width] as const]) {
    Object.assign(pen, { strokeStyle, lineWidth });
    pen.strokeRect(...box);
  }
}

/** What writes on a canvas, in the theme's type. */
export function openWriter({ color, font }: Frame) {
  const text = (
    pen: CanvasRenderingContext2D,
    words: string,
    x: number,
    y: number,
    textAlign: CanvasTextAlign = "center",
    ink = "muted",
    room?: number,
  ) => {
    Object.assign(pen, { textAlign, fillStyle: color(ink), font: font(12, ink === "ink" ? "700" : "400") });
    pen.fillText(words, x, y, room);
  };
  return {
    text,
    /** Words across the middle, on a ground of their own. */
    plaque(pen: CanvasRenderingContext2D, words: string, width: number, height: number) {
      pen.fillStyle = color("paper");
      pen.fillRect(0, height / 2 - 20, width, 36);
      text(pen, words, width / 2, height / 2, "center", "ink", width - 9);
    },
  };
}
