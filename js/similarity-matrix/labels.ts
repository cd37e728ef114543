import type { Frame } from "../shared/frame.ts";

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
      const letters = [...text];
      if (pen.measureText(text).width <= width) return text;
      for (let kept = letters.length - 1; kept > 2; kept -= Math.ceil(kept / 12)) {
        const end = Math.floor(kept / 3);
        const short = `${letters.slice(0, kept - end).join("")}…${letters.slice(-end).join("")}`;
        if (pen.measureText(short).width <= width) return short;
      }
      return "…";
    },
  };
}
