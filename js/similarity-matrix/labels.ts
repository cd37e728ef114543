import type { Frame } from "../shared/frame.ts";
import { shorten } from "../shared/name.ts";

/** Writes text on the matrix's canvas. */
export interface Labels {
  pen: CanvasRenderingContext2D;
  write(
    text: string,
    x: number,
    y: number,
    align: CanvasTextAlign,
    ink: string,
    weight?: string,
    size?: number,
  ): void;
  /** A text cut in its middle to a width: names often differ at their ends. */
  cut(text: string, width: number): string;
}

export function labelsOn(pen: CanvasRenderingContext2D, frame: Frame): Labels {
  pen.textBaseline = "middle";
  return {
    pen,
    write(text, x, y, align, ink, weight = "400", size = 11) {
      pen.font = frame.font(size, weight);
      pen.fillStyle = ink;
      pen.textAlign = align;
      pen.fillText(text, x, y);
    },
    cut(text, width) {
      let most = text.length;
      while (most > 3 && pen.measureText(shorten(text, most)).width > width) most -= Math.ceil(most / 12);
      return shorten(text, most);
    },
  };
}
