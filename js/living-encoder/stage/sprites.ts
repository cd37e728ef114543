import { contextOf, make } from "../../shared/dom.ts";
import type { Picture, Stroke, Thing } from "../scene.ts";
import { drawThing } from "../world/draw.ts";
import { css, groundOf, type Ink } from "../world/palette.ts";

/** The picture as people see it: as sharp as the screen, from the formulas that draw it for the encoder. */

/** Pixels that a picture is drawn with at most: more would make turning an object slow. */
const SHARPEST = 640;

interface Sprite {
  canvas: HTMLCanvasElement;
  /** Where its upper left corner lies from the object's centre, as a share of the picture's side. */
  offset: number;
  side: number;
}

export function openSprites() {
  const known = new Map<string, Sprite>();
  const spriteOf = (thing: Thing, background: number, size: number): Sprite => {
    const { shape, color, style, radius, rotation } = thing;
    const key = [shape, color, style, radius, rotation, background, size].join();
    const found = known.get(key);
    if (found) return found;
    if (known.size > 60) known.clear();
    const sprite = drawSprite({ ...thing, x: 0, y: 0 }, background, size);
    known.set(key, sprite);
    return sprite;
  };
  return (pen: CanvasRenderingContext2D, { scene, strokes, photo }: Picture, side: number, ratio: number) => {
    const ground = photo?.canvas ?? gradient(pen, scene.background, side);
    if (ground instanceof HTMLCanvasElement) pen.drawImage(ground, 0, 0, side, side);
    else {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, side, side);
    }
    const size = Math.min(SHARPEST, Math.round((side * ratio) / 64) * 64 || 64);
    for (const thing of scene.objects) {
      const sprite = spriteOf(thing, scene.background, size);
      const [left, top] = [thing.x + sprite.offset, thing.y + sprite.offset];
      pen.drawImage(sprite.canvas, left * side, top * side, sprite.side * side, sprite.side * side);
    }
    for (const stroke of strokes) drawStroke(pen, stroke, ground, side);
  };
}

function drawSprite(thing: Thing, background: number, size: number): Sprite {
  const { left, side, pixels } = drawThing(thing, background, size);
  const canvas = make("canvas", { width: String(side), height: String(side) });
  const pen = contextOf(canvas);
  const image = pen.createImageData(side, side);
  for (let at = 0; at < pixels.length; at += 4) {
    const opacity = pixels[at + 3];
    if (!opacity) continue;
    for (let channel = 0; channel < 3; channel++)
      image.data[at + channel] = Math.round((255 * pixels[at + channel]) / opacity);
    image.data[at + 3] = Math.round(255 * opacity);
  }
  pen.putImageData(image, 0, 0);
  return { canvas, offset: left / size, side: side / size };
}

function gradient(pen: CanvasRenderingContext2D, background: number, side: number): CanvasGradient {
  const ground = groundOf(background);
  const fill = pen.createLinearGradient(0, 0, 0, side);
  fill.addColorStop(0, css(ground));
  fill.addColorStop(1, css(ground.map((value) => value * 0.93) as unknown as Ink));
  return fill;
}

function drawStroke(
  pen: CanvasRenderingContext2D,
  { points, width, ink }: Stroke,
  ground: HTMLCanvasElement | CanvasGradient,
  side: number,
): void {
  pen.save();
  if (ink !== "ground") pen.strokeStyle = css(ink);
  else if (ground instanceof HTMLCanvasElement) {
    const pattern = pen.createPattern(ground, "no-repeat");
    pattern?.setTransform(new DOMMatrix().scale(side / ground.width));
    pen.strokeStyle = pattern ?? "#888";
  } else pen.strokeStyle = ground;
  Object.assign(pen, { lineWidth: width * side, lineCap: "round", lineJoin: "round" });
  pen.beginPath();
  pen.moveTo(points[0] * side, points[1] * side);
  for (let k = 0; k < points.length; k += 2) pen.lineTo(points[k] * side, points[k + 1] * side);
  pen.stroke();
  pen.restore();
}
