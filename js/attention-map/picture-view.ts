import { pointerWithin } from "../shared/frame.ts";
import { pinchable } from "../shared/gestures.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";
import { type Box, cells, outline, PIN, wordOf } from "../shared/paint.ts";
import type { Surface } from "../shared/painter.ts";
import type { Context } from "./context.ts";
import type { Grid } from "./data.ts";
import { cellAt, type Place, POOLING } from "./places.ts";
import { followPointers, type Spot } from "./pointer.ts";

export type PictureView = ReturnType<typeof openPicture>;

const LARGEST_ZOOM = 8;

/** The map on view over the picture. */
export function openPicture(context: Context, s: number, column: HTMLElement, painted: () => void) {
  const { frame, about, photos, hover, pinned, setHover, togglePin, viewOf } = context;
  const side = about.sides[s];
  const view = openZoom();
  const map = openMap(context, s);
  const paint = ({ context: pen, width, height }: Surface) => {
    const { layer, now } = viewOf(s);
    const photo = photos[frame.get("image_index")];
    pen.fillStyle = frame.color("raised");
    pen.fillRect(0, 0, width, height);
    pen.save();
    pen.translate(-view.left * view.scale * width, -view.top * view.scale * height);
    pen.scale(view.scale, view.scale);
    if (photo?.complete && photo.naturalWidth) {
      pen.imageSmoothingEnabled = width * view.scale < photo.naturalWidth * 4;
      pen.drawImage(photo, 0, 0, width, height);
    }
    map.paint(pen, width, height, !!photo);
    if (now && now.token < 0)
      outline(pen, cellBox(now, layer.grid, width, height), pinned() ? PIN : "#fff", 2.5 / view.scale);
    const over = hover();
    if (pinned() && over && over.token < 0)
      outline(pen, cellBox(over, layer.keys, width, height), "#fff", 1 / view.scale);
    pen.restore();
    if (!map.row()) context.plaque(pen, absence(context, s), width, height);
    painted();
  };
  const { canvas } = frame.surface(column, "Map over the picture: arrows move the query", paint, {
    tabindex: "0",
    role: "application",
    style: "cursor:crosshair",
  });
  const hit = ({ x, y }: Spot): Place => ({
    token: -1,
    x: view.left + x / view.scale,
    y: view.top + y / view.scale,
  });
  const zoom = (factor: number, at: Spot = { x: 0.5, y: 0.5 }) => {
    const before = view.scale;
    view.zoom(factor, at);
    frame.requestDraw();
    return view.scale !== before;
  };
  pinchable(frame, canvas, { zoom: (factor, event) => zoom(factor, pointerWithin(event, canvas)) });
  followPointers(frame, canvas, {
    inspect: (at) => setHover(at && hit(at)),
    pin: (at) => togglePin(hit(at)),
  });
  return { canvas, hit, zoom, row: map.row, limit: map.limit, signed: side.signed };
}

/** The part of the picture that is shown: all of it, or a part of one `scale`-th of each side. */
function openZoom() {
  const view = {
    scale: 1,
    left: 0,
    top: 0,
    /** Zooms by a factor; `at` stays where it is. */
    zoom(factor: number, at: Spot) {
      const scale = clamp(1, view.scale * factor, LARGEST_ZOOM);
      const room = 1 - 1 / scale;
      view.left = clamp(0, view.left + at.x / view.scale - at.x / scale, room);
      view.top = clamp(0, view.top + at.y / view.scale - at.y / scale, room);
      view.scale = scale;
    },
  };
  return view;
}

/** The weights as colours, one pixel a cell, drawn over the picture. */
function openMap({ frame, rowOf, viewOf, sharedLimit }: Context, s: number) {
  let row: Float64Array | null = null;
  let limit = 1;
  let pixels = cells(1, 1);
  return {
    row: () => row,
    limit: () => limit,
    paint(pen: CanvasRenderingContext2D, width: number, height: number, overPhoto: boolean) {
      const [rows, columns] = viewOf(s).layer.keys;
      const { prefix, signed } = frame.get("about").sides[s];
      row = rowOf(s);
      if (!row) return;
      const patches = row.subarray(prefix);
      limit = patches.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (frame.get("scale") === "shared") limit = Math.max(limit, sharedLimit());
      if (pixels.canvas.width !== columns || pixels.canvas.height !== rows) pixels = cells(columns, rows);
      patches.forEach((value, i) => {
        const share = value / (limit || 1);
        const word = wordOf(signed, share);
        // The picture shows through where little is looked at.
        const alpha = Math.round(140 + 115 * Math.min(1, Math.abs(share)));
        pixels.words[i] = overPhoto ? (word & 0xffffff) | (alpha << 24) : word;
      });
      pixels.put();
      pen.globalAlpha = overPhoto ? frame.get("opacity") : 1;
      pen.imageSmoothingEnabled = frame.get("smooth");
      pen.drawImage(pixels.canvas, 0, 0, width, height);
      pen.globalAlpha = 1;
    },
  };
}

function cellBox(at: Place, [rows, columns]: Grid, width: number, height: number): Box {
  const cell = cellAt(at, [rows, columns]);
  const [w, h] = [width / columns, height / rows];
  return [(cell % columns) * w, Math.floor(cell / columns) * h, w, h];
}

/** Why there is no map. */
function absence({ viewOf, received, layerName, lateness }: Context, s: number): string {
  const { at, now, query, block } = viewOf(s);
  if (!now && !received()) return "Hover a patch";
  if (now?.token === POOLING && received()) return "Nothing looks at the pooling query";
  if (query === -1 && block) return "No such token";
  return `${layerName(s, at)} is on its way${lateness()}`;
}

/** The legend of the colours. */
export function openScale(
  { frame, about, text }: Context,
  s: number,
  parent: HTMLElement,
  view: PictureView,
) {
  const { signed } = about.sides[s];
  const paint = ({ context: pen, width }: Surface) => {
    const size = 12 * frame.scale();
    for (let x = 0; x < width; x++) {
      const word = wordOf(signed, signed ? (x / width) * 2 - 1 : x / width);
      pen.fillStyle = `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
      pen.fillRect(x, 0, 1.5, size * 0.6);
    }
    const words = frame.get("scale") === "shared" ? "all maps alike" : "up to this map's maximum";
    const most = formatNumber(view.limit());
    text(pen, signed ? formatNumber(-view.limit()) : "0", 0, size * 1.75, "left");
    text(pen, most, width, size * 1.75, "right");
    // Between the numbers, if there is room.
    if (pen.measureText(`${words} −${most}${most}`).width < width) text(pen, words, width / 2, size * 1.75);
  };
  frame.surface(parent, "Colour scale", paint, { class: "vk-canvas vk-scale" });
}
