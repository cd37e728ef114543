import { make } from "../shared/dom.ts";
import { shorten } from "../shared/name.ts";
import { clamp } from "../shared/numbers.ts";
import { type Box, cells, outline, PIN, wordOf } from "../shared/paint.ts";
import type { Surface } from "../shared/painter.ts";
import type { Context } from "./context.ts";
import type { Layer, QuantizedMaps } from "./data.ts";
import { receivedWeights } from "./numbers.ts";
import { type Choose, isOn, makePanel, type Panel, pickHeads, resize, type Tile } from "./panel.ts";
import { POOLING } from "./places.ts";
import { ROLLOUT } from "./selection.ts";

const SMALLEST_TILE = 28;
const LARGEST_TILE = 130;

/** The query's map in every head of every layer: a row a layer; one block of tiles where no layer has several. */
export function openHeads(context: Context, s: number, parent: HTMLElement, choose: Choose): Panel {
  const { frame, about, mostHeads } = context;
  const { layers } = about.sides[s];
  const heads = Math.max(...layers.map((layer) => layer.heads));
  const element = makePanel(parent, "heads", mostHeads === 1 ? "all maps" : "all heads of all layers");
  const tiling = openTiling(context, s, heads);
  const pixels = layers.map((layer) => cells(layer.keys[1] * layer.heads, layer.keys[0]));
  const note = make("div", { class: "vk-small vk-note" });
  const paint = ({ context: pen, width }: Surface) => {
    tiling.measure(width);
    labelHeads(context, pen, tiling, heads);
    let here = 0;
    for (const [index, layer] of layers.entries()) {
      const drawn = fill(context, s, index, pixels[index].words);
      if (drawn) pixels[index].put();
      if (context.blockOf(s, index)) here++;
      labelLayer(context, s, pen, tiling, index);
      pen.imageSmoothingEnabled = frame.get("smooth");
      for (let head = 0; head < layer.heads; head++) {
        const box = tiling.boxOf(index, head);
        const [rows, columns] = layer.keys;
        pen.fillStyle = frame.color("raised");
        if (drawn) pen.drawImage(pixels[index].canvas, head * columns, 0, columns, rows, ...box);
        else pen.fillRect(...box);
        if (isOn(context, s, index, head)) outline(pen, box, PIN);
      }
    }
    note.textContent = noteOf(context, here, layers.length);
  };
  const surface = frame.surface(element, "All heads", paint, { style: "cursor:pointer" });
  element.append(note);
  pickHeads(context, s, surface, tiling.hit, choose);
  return {
    name: "heads",
    element,
    useful: layers.length * heads > 1,
    fit: (width, height, tight) =>
      resize(surface, ...tiling.fit(width, tight ? height - note.offsetHeight : height, tight)),
  };
}

type Tiling = ReturnType<typeof openTiling>;

/** Where the tiles stand. */
function openTiling({ frame, about, mostHeads }: Context, s: number, heads: number) {
  const { layers } = about.sides[s];
  const single = mostHeads === 1;
  const across = single ? Math.ceil(Math.sqrt(layers.length)) : heads;
  const down = single ? Math.ceil(layers.length / across) : layers.length;
  const ratio = layers[0].keys[0] / layers[0].keys[1];
  const longest = single ? 0 : Math.max(...layers.map((layer) => layer.name.length));
  const tiles = {
    single,
    left: 0,
    top: 0,
    size: 1,
    high: 1,
    /** Places the tiles in a width. */
    measure(width: number) {
      const unit = frame.scale();
      tiles.left = single ? 0 : clamp(20, 7 * longest + 8, 76) * unit;
      tiles.top = single ? 0 : 16 * unit;
      tiles.size = (width - tiles.left) / across;
      tiles.high = tiles.size * ratio + (single ? 17 * unit : 0);
    },
    fit(width: number, height: number, tight: boolean): [number, number] {
      const unit = frame.scale();
      tiles.measure(width);
      const byHeight = ((height - tiles.top - 24 * unit) / down - (single ? 17 * unit : 0)) / ratio;
      const least = tight ? 8 : SMALLEST_TILE * unit;
      const size = Math.min(tiles.size, LARGEST_TILE * unit, Math.max(byHeight, least));
      const whole = tiles.left + size * across;
      tiles.measure(whole);
      return [whole, tiles.top + tiles.high * down];
    },
    boxOf(layer: number, head: number): Box {
      const { left, top, size, high } = tiles;
      const gap = Math.max(1.5, size * 0.05);
      const x = left + (single ? layer % across : head) * size;
      const y = top + (single ? Math.floor(layer / across) : layer) * high;
      return [x + gap / 2, y + gap / 2, size - gap, size * ratio - gap];
    },
    hit(x: number, y: number): Tile | null {
      const column = Math.floor((x - tiles.left) / tiles.size);
      const row = Math.floor((y - tiles.top) / tiles.high);
      const layer = single ? row * across + column : row;
      const head = single ? 0 : column;
      const there = column >= 0 && column < across && row >= 0 && head < (layers[layer]?.heads ?? 0);
      return there ? { layer, head, box: tiles.boxOf(layer, head) } : null;
    },
  };
  return tiles;
}

/** Colours all heads of a layer; whether there is anything to draw. */
function fill(context: Context, s: number, index: number, words: Uint32Array): boolean {
  const { about, frame, shown, received, blockOf, viewOf, sharedLimit, limitOf } = context;
  const { layers, signed } = about.sides[s];
  // Pooling stands where it happens, after the last layer.
  const pooled = shown()?.token === POOLING && index === layers.length - 1 && !received();
  const pool = pooled ? blockOf(s, "pooling") : undefined;
  const own = viewOf(s, index);
  const { block, query } = pool?.heads === layers[index].heads ? { block: pool, query: 0 } : own;
  if (!block || query === -1) return false;
  const shared = frame.get("scale") === "shared" ? sharedLimit() : 0;
  for (let head = 0; head < block.heads; head++) {
    const limit = shared || (pool ? block.scales[head] : limitOf(block, head, query)) || 1;
    const values = received()
      ? receivedWeights(block, head, query).subarray(block.tokens)
      : patchWeights(block, head, query);
    colour(values, layers[index], head, words, (value) => wordOf(signed, value / limit));
  }
  return true;
}

function patchWeights(block: QuantizedMaps, head: number, query: number): Float64Array {
  const row = head * block.queries + query;
  const zero = block.signed ? 128 : 0;
  const unit = block.scales[row] / (block.signed ? 127 : 255);
  return Float64Array.from(
    block.values.subarray(row * block.cells, (row + 1) * block.cells),
    (value) => (value - zero) * unit,
  );
}

/** Writes one head's map into its part of the layer's pixels. */
function colour(
  values: Float64Array,
  { heads, keys: [rows, columns] }: Layer,
  head: number,
  words: Uint32Array,
  word: (value: number) => number,
): void {
  for (let r = 0; r < rows; r++)
    for (let c = 0, to = (r * heads + head) * columns; c < columns; c++)
      words[to + c] = word(values[r * columns + c]);
}

function labelHeads(
  { text, shortHead }: Context,
  pen: CanvasRenderingContext2D,
  tiles: Tiling,
  heads: number,
) {
  if (tiles.single) return;
  const { left, top, size } = tiles;
  for (let head = 0; head < heads; head++)
    text(pen, shortHead(head), left + (head + 0.5) * size, top - 4, "center", "muted", size - 4);
}

function labelLayer(
  context: Context,
  s: number,
  pen: CanvasRenderingContext2D,
  tiles: Tiling,
  index: number,
) {
  const { about, frame, layerOf, text } = context;
  const [x, y, width, height] = tiles.boxOf(index, 0);
  const unit = frame.scale();
  const at = tiles.single
    ? [x + width / 2, y + height + 13 * unit, width]
    : [tiles.left / 2 - 2, y + height / 2 + 4 * unit, tiles.left - 6];
  const ink = index === layerOf(s) ? "ink" : "muted";
  // Cut rather than squeezed.
  const name = shorten(about.sides[s].layers[index].name, Math.floor(at[2] / (5.6 * unit)));
  text(pen, name, at[0], at[1], "center", ink, at[2]);
}

/** What is still missing, and why. */
function noteOf({ about, frame, shown, lateness, mostHeads }: Context, here: number, count: number): string {
  if (shown()?.token === POOLING) return "Pooling looks once, after the last layer";
  if (here === count) return "";
  const loaded = `${here} of ${count} ${mostHeads === 1 ? "maps" : "layers"}`;
  if (about.all || frame.get("mode") === ROLLOUT) return loaded + lateness();
  const size = `${Math.round(about.bytes / 2 ** 20)} MB in all`;
  return `${loaded} (${size}: each comes when you go there; layers=[…] keeps a few)`;
}
