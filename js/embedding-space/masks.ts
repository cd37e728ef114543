import { contextOf, make } from "../shared/dom.ts";
import { clamp } from "../shared/numbers.ts";
import { MARKS, REACH, traceMark } from "./marks.ts";

/** Side of a mark's mask, in pixels. */
const LEAST_MASK = 4;
const MOST_MASK = 64;

/** The marks' masks, one layer a mark: red the mark, green the mark within its rim. They are drawn for the size at hand,
 * at most twice as large: a set of all sizes takes the graphics card longer than the points of a small map. */
export function openMasks(gl: WebGL2RenderingContext): (size: number) => void {
  const context = contextOf(make("canvas"));
  let side = 0;
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, gl.createTexture());
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  // A small mask has next to no margin: the tip of a triangle must not come in again from the other side.
  for (const edge of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, edge, gl.CLAMP_TO_EDGE);
  return (size) => {
    const next = clamp(LEAST_MASK, 2 ** Math.ceil(Math.log2(size)), MOST_MASK);
    if (next === side) return;
    side = next;
    gl.activeTexture(gl.TEXTURE1);
    gl.texImage3D(
      gl.TEXTURE_2D_ARRAY,
      0,
      gl.RGBA8,
      side,
      side,
      MARKS.length,
      0,
      gl.RGBA,
      gl.UNSIGNED_BYTE,
      masksOf(context, side),
    );
  };
}

/** The pixels of all marks, one below the other. */
export function masksOf(context: CanvasRenderingContext2D, side: number): Uint8Array<ArrayBuffer> {
  const { canvas } = context;
  canvas.width = side;
  canvas.height = side * MARKS.length;
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "lighter";
  for (const [ink, share] of [
    ["#f00", 1],
    ["#0f0", 0.8],
  ] as const) {
    context.fillStyle = ink;
    MARKS.forEach((_, mark) => {
      context.beginPath();
      traceMark(context, mark, side / 2, side * (mark + 0.5), (side / 2 / REACH) * share);
      context.fill();
    });
  }
  return new Uint8Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
}
