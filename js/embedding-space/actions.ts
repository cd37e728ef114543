import type { Atlas } from "../shared/atlas.ts";
import type { Frame } from "../shared/frame.ts";
import type { TooltipPlace } from "../shared/tooltip.ts";
import type { Grid } from "./geometry.ts";
import { nearestPoint, nextPoint } from "./geometry.ts";
import type { Neighbours } from "./neighbours.ts";
import type { Plot } from "./plot.ts";
import type { Place } from "./renderer.ts";
import {
  type Camera,
  firstOf,
  focusOf,
  isShown,
  kindOf,
  mapOf,
  type State,
  titleOf,
  zoomAt,
} from "./state.ts";

/** What a person can do, by pointer, keyboard and controls alike. */
export interface Actions {
  hover(index: number, at?: TooltipPlace | null): void;
  select(indices: number[]): void;
  search(): void;
  /** Goes to a projection and a step. */
  go(name: string, step: number): void;
  /** The view has moved: a sample is drawn now, everything once it rests. */
  moved(): void;
  zoomBy(factor: number, x?: number, y?: number): void;
  reset(): void;
  /** To the next point in a direction, right and up. */
  walk(dx: number, dy: number): void;
  hide(off: (code: number) => boolean): void;
  spotlight(code: number): void;
  /** Whether things move, so that a sample is to be drawn. */
  moving(): boolean;
}

export interface Parts {
  state: State;
  frame: Frame;
  camera: Camera;
  plot: Plot;
  neighbours: Neighbours;
  gridOf: (place: Place) => Grid;
  atlas: () => Atlas | null;
  size: () => { width: number; height: number };
  canvas: () => HTMLCanvasElement;
  /** Whether a finger or button is down on the plot. */
  held: () => boolean;
  tell: () => void;
  showFigures: () => void;
  showHidden: () => void;
}

/** After so many milliseconds without a move the view rests. */
const REST = 160;

export function openActions(parts: Parts): Actions {
  const { state, frame, camera, plot, tell, size } = parts;
  const { data } = state;
  let timer = 0;
  frame.onClose(() => clearTimeout(timer));
  const rest = () => {
    // A pointer that is still down will move again: all points would come in its way. And where a
    // frame is late, the sample has not been seen yet.
    if (parts.held() || plot.pending()) {
      timer = window.setTimeout(rest, REST);
      return;
    }
    timer = 0;
    plot.resample(-1);
    plot.requestDraw();
  };
  const moved = () => {
    clearTimeout(timer);
    timer = plot.sampled() ? window.setTimeout(rest, REST) : 0;
    frame.tooltip(null);
    plot.requestDraw();
  };
  const select = (indices: number[]) => {
    state.selected = indices;
    frame.write("selected", indices);
    plot.update();
    tell();
  };
  const hover = (index: number, at: TooltipPlace | null = null) => {
    if (index === state.hovered && at && index >= 0) return;
    state.hovered = index;
    frame.write("hovered", index);
    showTip(parts, index, at);
    tell();
    frame.requestDraw();
  };
  return {
    hover,
    select,
    moved,
    search: () => select(matches(state, frame.get("search"))),
    go: (name, step) => goTo(parts, name, step),
    zoomBy(factor, x = size().width / 2, y = size().height / 2) {
      zoomAt(state, camera, factor, x, y);
      moved();
    },
    reset() {
      state.camera = { x: 0.5, y: 0.5, zoom: 1 };
      moved();
    },
    walk: (dx, dy) => walkTo(parts, dx, dy, { hover, moved }),
    hide(off) {
      state.hidden.set(data.classes.map((_, code) => Number(off(code))));
      frame.write(
        "hidden_classes",
        data.classes.filter((_, code) => state.hidden[code]),
      );
      parts.showHidden();
    },
    spotlight(code) {
      state.spotlight = code;
      plot.requestDraw();
    },
    moving: () => timer > 0 && plot.sampled(),
  };
}

/** What is under the pointer, beside it: the mark stays uncovered. */
function showTip(
  { state, frame, plot, camera, canvas, atlas, size }: Parts,
  index: number,
  at: TooltipPlace | null,
) {
  if (index < 0 || !at) return frame.tooltip(null);
  const box = canvas().getBoundingClientRect();
  const scale = box.width / size().width;
  const [x, y] = camera.pixelOf(index);
  const reach = (plot.look().radius + 8) * scale;
  const [left, top] = [box.left + x * scale - reach, box.top + y * scale - reach];
  const tile = state.data.tiles.get(index);
  const pictures = atlas();
  const picture =
    tile !== undefined && pictures
      ? (pen: CanvasRenderingContext2D, side: number) => pictures.draw(pen, tile, 0, 0, side)
      : null;
  const lines = [titleOf(state, index), kindOf(state, index)];
  frame.tooltip(lines, at, picture, box.right, new DOMRect(left, top, 2 * reach, 2 * reach));
}

/** Points whose class or caption holds the words. */
function matches({ data }: State, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const fits = data.classes.map((name) => name.toLowerCase().includes(wanted));
  const hits: number[] = [];
  for (let i = 0; i < data.count; i++)
    if (fits[data.codes[i]] || data.captions?.[i]?.toLowerCase().includes(wanted)) hits.push(i);
  return hits;
}

function goTo(
  { state, neighbours, plot, tell, showFigures, frame }: Parts,
  name: string,
  step: number,
): void {
  if (!state.data.maps.has(name)) {
    frame.say("Waiting for the kernel to compute this map …");
    return;
  }
  if (name === state.to.name && step === state.to.step) return;
  state.from = state.to;
  state.to = { name, step };
  state.progress = 0;
  state.began = performance.now();
  neighbours.forget();
  showFigures();
  tell();
  plot.requestDraw();
}

function walkTo(
  parts: Parts,
  dx: number,
  dy: number,
  { hover, moved }: Pick<Actions, "hover" | "moved">,
): void {
  const { state, camera, gridOf, size, canvas } = parts;
  const { points } = mapOf(state);
  const first = firstOf(state);
  const shown = (i: number) => isShown(state, i);
  const { width, height } = size();
  const i = focusOf(state);
  const next =
    i < 0
      ? nearestPoint(gridOf(state.to), points, first, ...camera.unitAt(width / 2, height / 2), 1e5, shown)
      : nextPoint(
          points,
          first,
          state.data.count,
          points[2 * (first + i)],
          points[2 * (first + i) + 1],
          dx,
          dy,
          shown,
        );
  if (next < 0) return;
  const [px, py] = camera.pixelOf(next);
  if (px < 0 || py < 0 || px > width || py > height) {
    [state.camera.x, state.camera.y] = camera.unitOf(next);
    moved();
  }
  const box = canvas().getBoundingClientRect();
  const scale = box.width / width;
  const [x, y] = camera.pixelOf(next);
  hover(next, { clientX: box.left + x * scale, clientY: box.top + y * scale });
}
