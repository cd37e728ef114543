import { contextOf, make } from "../../shared/dom.ts";
import type { Context } from "../context.ts";
import type { Photo } from "../scene.ts";

/** A picture of one's own: decoded here, cropped to its middle square, scaled down. It goes nowhere. */

/** Side of what is shown. */
const SHOWN = 512;

/** Lets a person choose a file. */
export function choosePhoto(context: Context): void {
  const input = make("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", () => void openPhoto(context, input.files?.[0]));
  input.click();
}

/** Takes a file that is dropped on the stage, or pasted while the stage has the focus. */
export function acceptDrops(context: Context, canvas: HTMLCanvasElement): void {
  const { frame } = context;
  frame.listen<DragEvent>(canvas, "dragover", (event) => event.preventDefault());
  frame.listen<DragEvent>(canvas, "drop", (event) => {
    event.preventDefault();
    void openPhoto(context, event.dataTransfer?.files[0]);
  });
  frame.listen<ClipboardEvent>(canvas, "paste", (event) => {
    event.preventDefault();
    void openPhoto(context, event.clipboardData?.files[0]);
  });
}

export async function openPhoto({ frame, facts, state, edit }: Context, file?: File): Promise<void> {
  if (!file) return;
  try {
    const photo = photoOf(await decode(file), facts.imageSize);
    edit({ scene: { ...state.picture.scene, objects: [] }, strokes: [], photo });
  } catch {
    frame.say(`${file.name} is no picture that this browser can read`);
  }
}

/** By an element, which every browser has, and which turns photographs upright. */
async function decode(file: File): Promise<HTMLImageElement> {
  const address = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function photoOf(image: HTMLImageElement, size: number): Photo {
  const { naturalWidth: width, naturalHeight: height } = image;
  const side = Math.min(width, height);
  if (!side) throw new Error("a picture without pixels");
  const canvas = make("canvas", { width: String(SHOWN), height: String(SHOWN) });
  const pen = contextOf(canvas);
  pen.imageSmoothingQuality = "high";
  // What is transparent is white, as on paper.
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, SHOWN, SHOWN);
  pen.drawImage(image, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SHOWN, SHOWN);
  return { canvas, planes: shrink(pen.getImageData(0, 0, SHOWN, SHOWN), size) };
}

/** Means of square blocks of pixels, as three planes from 0 to 1. */
export function shrink(
  { data, width }: { data: Uint8ClampedArray; width: number },
  size: number,
): Float32Array {
  const planes = new Float32Array(3 * size * size);
  const edge = (at: number) => Math.round((at * width) / size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const sum = [0, 0, 0];
      let count = 0;
      for (let y = edge(row); y < Math.max(edge(row) + 1, edge(row + 1)); y++)
        for (let x = edge(column); x < Math.max(edge(column) + 1, edge(column + 1)); x++, count++)
          for (let channel = 0; channel < 3; channel++) sum[channel] += data[4 * (y * width + x) + channel];
      sum.forEach((total, channel) => {
        planes[(channel * size + row) * size + column] = total / count / 255;
      });
    }
  return planes;
}
