import type { Frame } from "../shared/frame.ts";
import { shorten } from "../shared/name.ts";
import { clamp } from "../shared/numbers.ts";
import type { Neighbours } from "./neighbours.ts";
import { type Camera, focusOf, isShown, type State } from "./state.ts";

interface Parts {
  state: State;
  frame: Frame;
  camera: Camera;
  neighbours: Neighbours;
  radius: number;
}

type Pen = CanvasRenderingContext2D;
type Point = readonly [number, number];

/** What follows the pointer: rings, lines to neighbours and partners, the gap, names of classes, the lasso. */
export function drawOverlay(pen: Pen, parts: Parts): void {
  const { state, frame } = parts;
  if (state.showGap && state.data.gaps) drawGap(pen, parts);
  if (state.showNames) drawNames(pen, parts);
  drawFocus(pen, parts);
  if (!state.lasso) return;
  pen.strokeStyle = frame.color("focus");
  pen.fillStyle = `${frame.color("focus")}22`;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const [x, y] of state.lasso) pen.lineTo(x, y);
  pen.closePath();
  pen.fill();
  pen.stroke();
}

function drawFocus(pen: Pen, { state, frame, camera, neighbours, radius }: Parts): void {
  const i = focusOf(state);
  if (i < 0) return;
  const reach = Math.max(5, radius + 3);
  const here = camera.pixelOf(i);
  const found = neighbours.of(i);
  pen.lineWidth = 1.2;
  if (typeof found !== "string")
    for (const { index } of found) {
      pen.strokeStyle = frame.color("muted");
      line(pen, here, camera.pixelOf(index));
      ring(pen, camera.pixelOf(index), reach - 1, frame.color("ink"), 1.6);
    }
  for (const other of state.data.partners.get(i) ?? []) {
    pen.strokeStyle = frame.color("accent");
    pen.lineWidth = 3;
    line(pen, here, camera.pixelOf(other));
    ring(pen, camera.pixelOf(other), reach, frame.color("accent"), 3);
  }
  ring(pen, here, reach + 1, frame.color("paper"), 6);
  ring(pen, here, reach + 1, frame.color("focus"), 3);
}

function ring(pen: Pen, [x, y]: Point, radius: number, color: string, width: number): void {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.stroke();
}

function line(pen: Pen, a: Point, b: Point): void {
  pen.beginPath();
  pen.moveTo(...a);
  pen.lineTo(...b);
  pen.stroke();
}

/** The vector from the mean of the images to the mean of the texts. */
function drawGap(pen: Pen, { state, frame, camera }: Parts): void {
  const { data, to } = state;
  const means = [0, 1].map((kind) => meanOf(camera, data.count, (i) => data.texts[i] === kind));
  const [a, b] = means;
  if (!a || !b) return;
  const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
  pen.strokeStyle = frame.color("focus");
  pen.lineWidth = 3 * frame.scale();
  line(pen, a, b);
  for (const turn of [2.6, -2.6])
    line(pen, b, [b[0] + 13 * Math.cos(angle + turn), b[1] + 13 * Math.sin(angle + turn)]);
  const gap = data.gaps?.[to.step].toFixed(2);
  label(pen, frame, `gap ${gap}`, (a[0] + b[0]) / 2, Math.min(a[1], b[1]) - 12);
  // Away from each other, however short the arrow is.
  const aside = (b[0] < a[0] ? 52 : -52) * frame.scale();
  label(pen, frame, "mean image", a[0] + aside, a[1] + 5);
  label(pen, frame, "mean text", b[0] - aside, b[1] + 5);
}

/** Mean place of some points in pixels, or null without any. */
function meanOf(camera: Camera, count: number, belongs: (i: number) => boolean): Point | null {
  let [x, y, n] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    if (!belongs(i)) continue;
    const [right, up] = camera.unitOf(i);
    x += right;
    y += up;
    n++;
  }
  return n ? camera.pixel(x / n, y / n) : null;
}

/** Letters of a name on the map. */
const MOST_LETTERS = 28;

/** Most points of which every one counts for a class's middle. */
const MOST_COUNTED = 50_000;

/** The name of each class at the middle of its points; of names that would overlap, the larger class's. */
function drawNames(pen: Pen, { state, frame, camera }: Parts): void {
  const { data } = state;
  const places: number[][][] = data.classes.map(() => []);
  const step = Math.ceil(data.count / MOST_COUNTED);
  for (let i = 0; i < data.count; i += step)
    if (isShown(state, i)) places[data.codes[i]].push([...camera.pixelOf(i)]);
  const order = [...places.keys()].filter((code) => places[code].length);
  order.sort((a, b) => places[b].length - places[a].length);
  const taken: DOMRect[] = [];
  for (const code of order) {
    const name = shorten(data.classes[code], MOST_LETTERS);
    const [middle, y] = [0, 1].map((axis) => median(places[code].map((place) => place[axis])));
    pen.font = frame.font(13, "600");
    const width = pen.measureText(name).width;
    const edge = Math.max(width / 2, pen.canvas.clientWidth - width / 2);
    const x = clamp(width / 2, middle, edge);
    const box = new DOMRect(x - width / 2, y - 12, width, 20);
    const free = (other: DOMRect) =>
      box.right < other.left || box.left > other.right || box.bottom < other.top || box.top > other.bottom;
    if (!taken.every(free)) continue;
    taken.push(box);
    label(pen, frame, name, x, y);
  }
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)];
}

function label(pen: Pen, frame: Frame, text: string, x: number, y: number): void {
  pen.font = frame.font(13, "600");
  pen.textAlign = "center";
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.strokeStyle = frame.color("paper");
  pen.fillStyle = frame.color("ink");
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
}
