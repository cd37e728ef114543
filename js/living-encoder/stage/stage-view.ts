import { type Box, cells, outline, PIN } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import { type Context, placeOf } from "../context.ts";
import { paintGrips } from "./handles.ts";
import { openHints } from "./hint.ts";
import { BY_KEYBOARD, followKeys, SHORTCUTS } from "./keys.ts";
import { mapOf, type PatchMap, type ValueMap } from "./maps.ts";
import { paintPen } from "./pen.ts";
import { acceptDrops } from "./photo.ts";
import { followPointer } from "./pointer.ts";
import { openSprites } from "./sprites.ts";
import { signedVeil, veil } from "./veil.ts";
import { openWordPainter } from "./words.ts";

export type StageView = ReturnType<typeof openStage>;

/** The picture, what the encoder makes of it, and what a person does with it. */
export function openStage(context: Context, parent: HTMLElement, turn: (by: number) => boolean) {
  const { frame, facts, state, update } = context;
  const drawPicture = openSprites();
  const drawWords = openWordPainter(context);
  const pixels = cells(facts.grid[1], facts.grid[0]);
  let map: PatchMap | null = null;
  const paint = ({ context: pen, width }: Surface) => {
    map = mapOf(context);
    drawPicture(pen, state.picture, width, window.devicePixelRatio || 1);
    if (map?.kind === "values") {
      fill(pixels.words, map);
      pixels.put();
      pen.globalAlpha = state.opacity;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(pixels.canvas, 0, 0, width, width);
      pen.globalAlpha = 1;
      pen.imageSmoothingEnabled = true;
    } else if (map) drawWords(pen, map, width);
    paintQuery(context, pen, width);
    if (state.pen && state.tool !== "move") paintPen(pen, state.pen, state.brush.width, width);
    const thing = state.picture.scene.objects[state.chosen];
    if (thing) paintGrips(pen, thing, width, frame.scale(), frame.dark() ? "#7a3c00" : frame.color("focus"));
  };
  const surface = frame.surface(parent, "The picture: drag the objects", paint, {
    tabindex: "0",
    role: "application",
    "aria-roledescription": "stage",
    "aria-keyshortcuts": SHORTCUTS,
    "aria-description": BY_KEYBOARD,
    class: "vk-canvas vk-picture",
    "data-processor": "",
  });
  frame.afterDraw(() => {
    if (!surface.width) return; // in a folded output
    update();
    frame.ready();
  });
  followPointer(context, surface.canvas);
  openHints(context, surface.canvas, () => map);
  followKeys(context, surface.canvas, turn);
  acceptDrops(context, surface.canvas);
  return { canvas: surface.canvas, map: () => map };
}

/** Colours of the patches. */
function fill(words: Uint32Array, { values, low, high, signed }: ValueMap): void {
  for (let patch = 0; patch < values.length; patch++) {
    const value = values[patch];
    if (Number.isNaN(value)) words[patch] = 0;
    else words[patch] = signed ? signedVeil(value / (high || 1)) : veil((value - low) / (high - low || 1));
  }
}

/** A frame around the patch that asks: only where what is on view depends on it. */
function paintQuery(context: Context, pen: CanvasRenderingContext2D, side: number): void {
  const { facts, state, query } = context;
  const token = query();
  if (state.show !== "attention" || !facts.layers || token < facts.prefix) return;
  const [row, column] = placeOf(token - facts.prefix, facts);
  const [high, wide] = [side / facts.grid[0], side / facts.grid[1]];
  const box: Box = [column * wide, row * high, wide, high];
  outline(pen, box, state.pinned >= 0 ? PIN : "#fff", 2.5);
}
