import { pointerWithin } from "../shared/frame.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";
import { cells, outline, PIN, wordOf } from "../shared/paint.ts";
import type { Surface } from "../shared/painter.ts";
import type { Context } from "./context.ts";
import { makePanel, type Panel, resize } from "./panel.ts";
import { placeOf } from "./places.ts";
import { ROLLOUT } from "./selection.ts";

/** The whole matrix, drawn once for each layer, head and mode; only the cross lines follow the pointer. */
export function openMatrix(context: Context, s: number, parent: HTMLElement): Panel {
  const { frame, about, viewOf, pinned, plaque, received } = context;
  const element = makePanel(parent, "matrix", "rows: queries, columns: keys");
  const content = openContent(context, s);
  const paint = ({ context: pen, width, height }: Surface) => {
    const { canvas, refusal } = content.fill();
    if (refusal) return plaque(pen, refusal, width, height);
    const { query } = viewOf(s);
    pen.imageSmoothingEnabled = width < canvas.width;
    pen.drawImage(canvas, 0, 0, width, height);
    if (query < 0) return;
    const [down, across] = [height / canvas.height, width / canvas.width];
    const ink = pinned() ? PIN : "#fff";
    if (received()) outline(pen, [query * across, 0, across, height], ink, 1);
    else outline(pen, [0, query * down, width, down], ink, 1);
  };
  const surface = frame.surface(element, "Matrix", paint, { style: "cursor:crosshair" });
  const hit = (event: MouseEvent) => {
    const { canvas, refusal } = content.fill();
    if (refusal) return null;
    const at = pointerWithin(event, surface.canvas);
    const query = clamp(0, Math.floor(at.y * canvas.height), canvas.height - 1);
    const key = clamp(0, Math.floor(at.x * canvas.width), canvas.width - 1);
    const token = received() ? key : query;
    return { query, key, place: placeOf(token, viewOf(s).layer.grid, about.sides[s].prefix)! };
  };
  frame.listen<PointerEvent>(surface.canvas, "pointermove", (event) => {
    const found = hit(event);
    if (!found) return;
    context.setHover(found.place);
    const weight = context.givenBy(s, found.query)?.[found.key] ?? 0;
    const lines = [`query ${found.query}, key ${found.key}`, `weight ${formatNumber(weight)}`];
    frame.tooltip(lines, event);
  });
  frame.listen(surface.canvas, "pointerleave", () => {
    context.setHover(null);
    frame.tooltip(null);
  });
  frame.listen<MouseEvent>(surface.canvas, "click", (event) => {
    const found = hit(event);
    if (found) context.togglePin(found.place);
  });
  return {
    name: "matrix",
    element,
    useful: true,
    fit(width, height, tight) {
      const side = Math.min(width, tight ? height - 24 * frame.scale() : Math.max(height, 320));
      resize(surface, side, side);
    },
  };
}

/** The matrix as pixels, or why it is not drawn. */
function openContent(context: Context, s: number) {
  const { frame, about, viewOf, headOf, keyOf, arrived, canRoll, givenBy } = context;
  const side = about.sides[s];
  const content = { canvas: cells(1, 1).canvas, refusal: "", fill };
  let drawn = "";
  const refuse = (queries: number, keys: number): string => {
    const { at, block, mode } = viewOf(s);
    const rollout = mode === ROLLOUT;
    if (!block || (rollout && !canRoll(s))) return "On its way";
    const work = rollout ? queries ** 3 * (at + 1) : 0;
    return queries * keys > 2 ** 21 || work > 2e8 ? "Too many tokens to draw" : "";
  };
  function fill() {
    const { at, layer, block, mode } = viewOf(s);
    const queries = side.prefix + layer.grid[0] * layer.grid[1];
    const keys = side.prefix + layer.keys[0] * layer.keys[1];
    const scale = frame.get("scale");
    const name = [keyOf(s, at), mode, headOf(s), scale, mode === ROLLOUT && arrived(), !block].join();
    if (name === drawn) return content;
    drawn = name;
    content.refusal = refuse(queries, keys);
    if (content.refusal) return content;
    const { canvas, words, put } = cells(keys, queries);
    const rows = Array.from({ length: queries }, (_, query) => givenBy(s, query)!);
    const largest = rows.map((row) => row.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    const most = Math.max(...largest);
    rows.forEach((row, query) => {
      const limit = (scale === "shared" ? most : largest[query]) || 1;
      row.forEach((value, key) => {
        words[query * keys + key] = wordOf(side.signed, value / limit);
      });
    });
    put();
    content.canvas = canvas;
    return content;
  }
  return content;
}
