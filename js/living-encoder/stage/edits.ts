import { clamp } from "../../shared/numbers.ts";
import { LARGEST, type Picture, type Scene, SMALLEST, type Stroke, type Thing } from "../scene.ts";
import { COLORS, SHAPES, STYLES } from "../world/palette.ts";

/** What a person does to a picture: each edit returns another picture. */

/** How far beyond the edge a centre may lie. */
const OUTSIDE = 0.15;

const withScene = (picture: Picture, part: Partial<Scene>): Picture => ({
  ...picture,
  scene: { ...picture.scene, ...part },
});

export function change(picture: Picture, index: number, part: Partial<Thing>): Picture {
  const { objects } = picture.scene;
  return withScene(picture, {
    objects: objects.map((thing, at) => (at === index ? { ...thing, ...part } : thing)),
  });
}

export function place(picture: Picture, index: number, x: number, y: number): Picture {
  const within = (value: number) => clamp(-OUTSIDE, value, 1 + OUTSIDE);
  return change(picture, index, { x: within(x), y: within(y) });
}

export function resize(picture: Picture, index: number, radius: number): Picture {
  return change(picture, index, { radius: clamp(SMALLEST, radius, LARGEST) });
}

export function turn(picture: Picture, index: number, rotation: number): Picture {
  // Between −π and π, so that the number stays readable.
  return change(picture, index, { rotation: Math.atan2(Math.sin(rotation), Math.cos(rotation)) });
}

const COUNTS = { color: COLORS.length, shape: SHAPES.length, style: STYLES.length };

/** The next colour, shape or style of an object. */
export function cycle(picture: Picture, index: number, part: keyof typeof COUNTS): Picture {
  const now = picture.scene.objects[index][part];
  return change(picture, index, { [part]: (now + 1) % COUNTS[part] });
}

export function remove(picture: Picture, index: number): Picture {
  return withScene(picture, { objects: picture.scene.objects.filter((_, at) => at !== index) });
}

/** Adds an object where there is most room, of a shape and a colour that are not there yet. */
export function add(picture: Picture): Picture {
  const { objects } = picture.scene;
  const fresh = (part: "shape" | "color") => {
    const count = COUNTS[part];
    const candidates = Array.from({ length: count }, (_, k) => (objects.length * 3 + 5 + k) % count);
    return candidates.find((one) => objects.every((thing) => thing[part] !== one)) ?? candidates[0];
  };
  const spots = [0.25, 0.5, 0.75].flatMap((y) => [0.25, 0.5, 0.75].map((x) => ({ x, y })));
  const room = ({ x, y }: { x: number; y: number }) =>
    Math.min(1, ...objects.map((thing) => Math.hypot(thing.x - x, thing.y - y) - thing.radius));
  const spot = spots.reduce((best, other) => (room(other) > room(best) + 1e-9 ? other : best));
  const thing: Thing = {
    ...spot,
    shape: fresh("shape"),
    color: fresh("color"),
    style: objects.at(-1)?.style ?? 0,
    radius: 0.16,
    rotation: 0,
  };
  return withScene(picture, { objects: [...objects, thing] });
}

export function setBackground(picture: Picture, background: number): Picture {
  return withScene(picture, { background });
}

export function addStroke(picture: Picture, stroke: Stroke): Picture {
  return { ...picture, strokes: [...picture.strokes, stroke] };
}

/** Goes on with the last stroke. */
export function extendStroke(picture: Picture, x: number, y: number): Picture {
  const last = picture.strokes[picture.strokes.length - 1];
  const longer = { ...last, points: [...last.points, x, y] };
  return { ...picture, strokes: [...picture.strokes.slice(0, -1), longer] };
}
