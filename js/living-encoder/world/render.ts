import type { Picture, Stroke, Thing } from "../scene.ts";
import { addGrain, drawThing, fillGround, lay, type Sprite } from "./draw.ts";

/** The picture as the encoder receives it: (3, size, size), from 0 to 1. It keeps what it drew of each object. */
export function openRenderer(size: number): (picture: Picture) => Float32Array {
  const sprites = new Map<Thing, { sprite: Sprite; background: number }>();
  const spriteOf = (thing: Thing, background: number) => {
    const known = sprites.get(thing);
    if (known?.background === background) return known.sprite;
    const sprite = drawThing(thing, background, size);
    sprites.set(thing, { sprite, background });
    return sprite;
  };
  return ({ scene, strokes, photo }) => {
    const planes = new Float32Array(3 * size * size);
    if (photo) planes.set(photo.planes);
    else fillGround(planes, size, scene.background);
    const ground = strokes.some(({ ink }) => ink === "ground") ? planes.slice() : planes;
    for (const thing of scene.objects) lay(planes, size, spriteOf(thing, scene.background));
    for (const stroke of strokes) paintStroke(planes, ground, size, stroke);
    if (!photo) addGrain(planes, size);
    for (const thing of sprites.keys()) if (!scene.objects.includes(thing)) sprites.delete(thing);
    return planes;
  };
}

/** Paints a stroke, with the edges of its round brush anti-aliased. */
export function paintStroke(
  planes: Float32Array,
  ground: Float32Array,
  size: number,
  { points, width, ink }: Stroke,
): void {
  const plane = size * size;
  const cover = coverOf(points, (width / 2) * size, size);
  for (let at = 0; at < plane; at++) {
    if (!cover[at]) continue;
    for (let channel = 0; channel < 3; channel++) {
      const place = channel * plane + at;
      const color = ink === "ground" ? ground[place] : ink[channel];
      planes[place] += cover[at] * (color - planes[place]);
    }
  }
}

/** Share of each pixel that a line of a round brush covers. */
function coverOf(points: readonly number[], radius: number, size: number): Float32Array {
  const cover = new Float32Array(size * size);
  for (let k = 0; k < points.length; k += 2) {
    // The line from the last point to this one; at first a dot.
    const from = Math.max(0, k - 2);
    const [ax, ay, bx, by] = [points[from], points[from + 1], points[k], points[k + 1]].map((v) => v * size);
    const range = (a: number, b: number) =>
      [Math.min(a, b) - radius - 1, Math.max(a, b) + radius + 1].map((value) =>
        Math.max(0, Math.min(size, Math.round(value))),
      );
    const [left, right] = range(ax, bx);
    const [top, bottom] = range(ay, by);
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy;
    for (let row = top; row < bottom; row++)
      for (let column = left; column < right; column++) {
        const [x, y] = [column + 0.5 - ax, row + 0.5 - ay];
        const along = length ? Math.max(0, Math.min(1, (x * dx + y * dy) / length)) : 0;
        const far = Math.hypot(x - along * dx, y - along * dy);
        const at = row * size + column;
        cover[at] = Math.max(cover[at], Math.max(0, Math.min(1, 0.5 + radius - far)));
      }
  }
  return cover;
}
