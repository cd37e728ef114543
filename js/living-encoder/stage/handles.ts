import { clamp } from "../../shared/numbers.ts";
import type { Picture, Thing } from "../scene.ts";
import { DISTANCES } from "../world/shapes.ts";

/** A place on the stage, from 0 to 1 each way. */
export interface Spot {
  x: number;
  y: number;
}

export type Grip = "move" | "scale" | "turn";

/** How far the handles stand from an object's centre, in radii. */
const RING = 1.15;

/** Where the handles of an object stand: always on the stage. */
export function gripsOf({ x, y, radius, rotation }: Thing): Record<"scale" | "turn", Spot> {
  const reach = Math.max(0.06, radius * RING);
  const onStage = (angle: number, far: number) => ({
    x: clamp(0.03, x + far * Math.cos(angle), 0.97),
    y: clamp(0.03, y + far * Math.sin(angle), 0.97),
  });
  return {
    scale: onStage(rotation + Math.PI / 4, reach),
    turn: onStage(rotation - Math.PI / 2, reach + 0.07),
  };
}

/** Whether a place is on an object; a hole counts as its object. */
function holds(thing: Thing, { x, y }: Spot, margin: number): boolean {
  const [dx, dy] = [(x - thing.x) / thing.radius, (y - thing.y) / thing.radius];
  const [cos, sin] = [Math.cos(thing.rotation), Math.sin(thing.rotation)];
  const inside = DISTANCES[thing.shape](cos * dx + sin * dy, cos * dy - sin * dx) * thing.radius < margin;
  return inside || Math.hypot(dx, dy) < 0.6;
}

/** The object in front at a place; −1 for none. `margin` is how far beside it still counts. */
export function thingAt({ scene }: Picture, spot: Spot, margin: number): number {
  for (let index = scene.objects.length - 1; index >= 0; index--)
    if (holds(scene.objects[index], spot, margin)) return index;
  return -1;
}

/** What a pointer takes hold of: a handle of the chosen object before any object. */
export function grab(
  picture: Picture,
  chosen: number,
  spot: Spot,
  margin: number,
): { index: number; grip: Grip } | null {
  const thing = picture.scene.objects[chosen];
  if (thing) {
    const grips = gripsOf(thing);
    for (const grip of ["turn", "scale"] as const)
      if (Math.hypot(grips[grip].x - spot.x, grips[grip].y - spot.y) < margin * 2)
        return { index: chosen, grip };
  }
  const index = thingAt(picture, spot, margin);
  return index < 0 ? null : { index, grip: "move" };
}

/** The outline around the chosen object, with its two handles. */
export function paintGrips(
  pen: CanvasRenderingContext2D,
  thing: Thing,
  side: number,
  unit: number,
  ink: string,
): void {
  const { x, y, radius } = thing;
  const grips = gripsOf(thing);
  const line = (draw: () => void) => {
    for (const [strokeStyle, lineWidth] of [["#fffc", 4 * unit] as const, [ink, 1.8 * unit] as const]) {
      Object.assign(pen, { strokeStyle, lineWidth });
      pen.beginPath();
      draw();
      pen.stroke();
    }
  };
  line(() => pen.arc(x * side, y * side, Math.max(0.06, radius * RING) * side, 0, 7));
  for (const grip of ["scale", "turn"] as const) {
    const { x: left, y: top } = grips[grip];
    pen.beginPath();
    pen.arc(left * side, top * side, 8 * unit, 0, 7);
    pen.fillStyle = "#fff";
    pen.fill();
    line(() => pen.arc(left * side, top * side, 8 * unit, 0, 7));
    drawMark(pen, grip, left * side, top * side, 4 * unit, ink);
  }
}

/** Two arrows for larger and smaller, an arc for turning. */
function drawMark(
  pen: CanvasRenderingContext2D,
  grip: "scale" | "turn",
  x: number,
  y: number,
  size: number,
  ink: string,
): void {
  Object.assign(pen, { strokeStyle: ink, lineWidth: Math.max(1.2, size / 3) });
  pen.beginPath();
  if (grip === "turn") {
    pen.arc(x, y, size * 0.8, -2.6, 1.6);
    pen.moveTo(x - size * 0.1, y + size * 1.35);
    pen.lineTo(x + size * 0.05, y + size * 0.8);
    pen.lineTo(x + size * 0.7, y + size * 1.05);
  } else {
    pen.moveTo(x - size * 0.8, y - size * 0.8);
    pen.lineTo(x + size * 0.8, y + size * 0.8);
    for (const end of [-1, 1]) {
      pen.moveTo(x + end * size * 0.8, y + end * size * 0.05);
      pen.lineTo(x + end * size * 0.8, y + end * size * 0.8);
      pen.lineTo(x + end * size * 0.05, y + end * size * 0.8);
    }
  }
  pen.stroke();
}
