import type { Atlas } from "../shared/atlas.ts";
import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";
import { thinOut } from "./geometry.ts";
import { type Camera, isShown, type State } from "./state.ts";

interface Parts {
  state: State;
  frame: Frame;
  camera: Camera;
  width: number;
  height: number;
  ratio: number;
  tiles: Atlas;
  css: string[];
}

/** Pictures as marks, in a frame of their class's colour; where two would overlap, the first. */
export function drawThumbnails(context: CanvasRenderingContext2D, parts: Parts): void {
  const { state, frame, camera, width, height, ratio, tiles, css } = parts;
  const { data, selected } = state;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const room = Math.sqrt((width * height) / (data.tiles.size + 1));
  const usual = clamp(28, room * 0.62 * Math.sqrt(state.camera.zoom), 46);
  const size = usual * state.pointSize * frame.scale();
  const chosen = new Set(selected);
  const places: number[][] = [];
  for (const i of data.tiles.keys()) {
    if (!isShown(state, i) || (selected.length && !chosen.has(i))) continue;
    const [x, y] = camera.pixelOf(i);
    if (x > -size && y > -size && x < width + size && y < height + size) places.push([x, y, i]);
  }
  for (const [x, y, i] of thinOut(places, size + 3)) {
    const dim = state.spotlight >= 0 && state.spotlight !== data.codes[i];
    context.globalAlpha = dim ? 0.2 : 1;
    context.fillStyle = css[data.codes[i]];
    context.fillRect(x - size / 2 - 2, y - size / 2 - 2, size + 4, size + 4);
    tiles.draw(context, data.tiles.get(i) ?? -1, x - size / 2, y - size / 2, size);
  }
  context.globalAlpha = 1;
}
