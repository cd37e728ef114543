// Being moved into modules of their own.

import { colorTable } from "../shared/color.ts";
import { make } from "../shared/dom.ts";
import { openFrame, pointerWithin } from "../shared/frame.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";

// AttentionMap: numbers first (pure functions, tested without a page), then the view.

const { floor, max, min, ceil, round, abs, hypot } = Math;

/** One layer of one picture, as `Block` in attention_numbers.py packs it.
 * @typedef {{ scales: Float32Array, prefix: Uint16Array, values: Uint8Array, heads: number, queries: number, tokens: number, cells: number, signed: boolean, mixed?: Float32Array, reach?: number[] }} Block */
/** @typedef {{ name: string, heads: number, grid: [number, number], keys: [number, number] }} Layer */
/** @typedef {{ name: string, prefix: number, tokens?: string[], signed: boolean, rollout: boolean, layers: Layer[], pooling: Layer | null }} Side */
/** A prefix token, or a point of the picture from 0 to 1 each way.
 * @typedef {{ token: number, x: number, y: number }} Place */

/** @param {ArrayBuffer} buffer @param {Layer} layer @param {number} tokens prefix tokens @param {boolean} signed @param {number} [queries] @returns {Block} */
function readBlock(buffer, { heads, grid, keys }, tokens, signed, queries = tokens + grid[0] * grid[1]) {
  const rows = heads * queries,
    at = rows * (4 + 2 * tokens);
  return {
    scales: new Float32Array(buffer, 0, rows),
    prefix: new Uint16Array(buffer, rows * 4, rows * tokens),
    values: new Uint8Array(buffer, at),
    heads,
    queries,
    tokens,
    cells: keys[0] * keys[1],
    signed,
  };
}

/** The weights of one head's row: prefix tokens, then patches.
 * @param {Block} block @param {number} head @param {number} query @param {Float64Array} [out] @returns {Float64Array} */
function rowWeights(block, head, query, out = new Float64Array(block.tokens + block.cells)) {
  const { tokens, cells } = block,
    row = head * block.queries + query,
    zero = block.signed ? 128 : 0,
    unit = block.scales[row] / (block.signed ? 127 : 255);
  for (let i = 0; i < tokens; i++) out[i] = block.prefix[row * tokens + i] / 65535;
  for (let i = 0, from = row * cells; i < cells; i++)
    out[tokens + i] = (block.values[from + i] - zero) * unit;
  return out;
}

/** Mean or maximum over the heads of one row.
 * @param {Block} block @param {number} query @param {boolean} largest @returns {Float64Array} */
function overHeads(block, query, largest) {
  const total = rowWeights(block, 0, query),
    one = new Float64Array(total.length);
  for (let head = 1; head < block.heads; head++) {
    rowWeights(block, head, query, one);
    for (let i = 0; i < one.length; i++) total[i] = largest ? max(total[i], one[i]) : total[i] + one[i];
  }
  return largest ? total : total.map((value) => value / block.heads);
}

/** Mean over the heads with rows that sum to 1, kept with the block. @param {Block} block */
function mixedHeads(block) {
  if (block.mixed) return block.mixed;
  const { queries } = block,
    mixed = (block.mixed = new Float32Array(queries * queries));
  for (let query = 0; query < queries; query++) {
    const row = overHeads(block, query, false),
      sum = row.reduce((a, b) => a + b, 0);
    for (let i = 0; i < queries; i++) mixed[query * queries + i] = row[i] / sum;
  }
  return mixed;
}

/** One row of attention rollout (Abnar and Zuidema 2020): a vector through 0.5 A + 0.5 I of every layer, the last first.
 * @param {Block[]} blocks first layer first @param {number} query @returns {Float64Array} */
function rolloutRow(blocks, query) {
  const size = blocks[0].queries;
  let row = new Float64Array(size);
  row[query] = 1;
  for (const block of [...blocks].reverse()) {
    const mixed = mixedHeads(block),
      next = row.map((value) => value / 2);
    for (let q = 0; q < size; q++) {
      const half = row[q] / 2;
      if (half) for (let i = 0, from = q * size; i < size; i++) next[i] += half * mixed[from + i];
    }
    row = next;
  }
  return row;
}

/** Mean attention distance of a head in widths of the picture, patches only (Dosovitskiy et al. 2021, Figure 7).
 * No block stands for a head that looks everywhere alike.
 * @param {Block | null} block @param {number} head @param {[number, number]} grid @returns {number} */
function meanDistance(block, head, [rows, columns]) {
  const count = rows * columns,
    far = new Float64Array(count);
  for (let i = 0; i < count; i++) far[i] = hypot(floor(i / columns), i % columns) / columns;
  let total = 0,
    looking = 0;
  for (let query = 0; query < count; query++) {
    const y = floor(query / columns),
      x = query % columns;
    let sum = 0,
      weighted = 0,
      at = block ? (head * block.queries + block.tokens + query) * block.cells : 0;
    for (let r = 0; r < rows; r++)
      for (let c = 0, line = abs(r - y) * columns; c < columns; c++, at++) {
        const weight = block ? block.values[at] : 1;
        sum += weight;
        weighted += weight * far[line + abs(c - x)];
      }
    if (sum) {
      total += weighted / sum;
      looking++;
    }
  }
  return total / looking;
}

/** exp(entropy) of the patches' weights: how many patches a query looks at, if all counted alike.
 * @param {Float64Array} row @param {number} tokens prefix tokens to leave out */
function effectiveNumber(row, tokens) {
  let sum = 0,
    entropy = 0;
  for (let i = tokens; i < row.length; i++) sum += row[i];
  for (let i = tokens; i < row.length; i++)
    if (row[i] > 0) entropy -= (row[i] / sum) * Math.log(row[i] / sum);
  return sum > 0 ? Math.exp(entropy) : 0;
}

/** Index of a place's cell in a grid. @param {Place} place @param {[number, number]} grid */
function cellAt({ x, y }, [rows, columns]) {
  return floor(clamp(0, y, 0.999999) * rows) * columns + floor(clamp(0, x, 0.999999) * columns);
}

/** Token of a place in a layer; -1 where the layer has none. @param {Place} place @param {Layer} layer @param {number} tokens */
function tokenAt(place, layer, tokens) {
  return place.token < 0 ? tokens + cellAt(place, layer.grid) : place.token < tokens ? place.token : -1;
}

/** Middle of a token's cell. @param {number} token @param {[number, number]} grid @param {number} tokens @returns {Place | null} */
function placeOf(token, [rows, columns], tokens) {
  if (token < 0) return null;
  const cell = token - tokens;
  return cell < 0
    ? { token, x: -1, y: -1 }
    : { token: -1, x: ((cell % columns) + 0.5) / columns, y: (floor(cell / columns) + 0.5) / rows };
}

// The learned query of attention pooling is no token; its number is beyond all of them.
const POOLING = 1e6,
  PIN = "#ff9d3c",
  MODES = ["one head", "mean over heads", "max over heads", "rollout"];

/** @param {{ model: Model, el: HTMLElement }} view */
function render(view) {
  const { model } = view,
    /** @type {(name: string) => any} */ get = (name) => model.get(name);
  /** @type {{ kind: string, sides: Side[], count: number, images: { url: string, width: number, height: number }[], bytes: number, all: boolean, heads: string[] }} */
  const about = get("about");
  const { sides } = about,
    {
      prefix,
      layers: [reference],
    } = sides[0],
    attention = about.kind === "attention",
    depth = sides[0].layers.length;
  const mostHeads = max(...sides.flatMap((side) => side.layers.map((layer) => layer.heads)));
  const frame = openFrame(view, {
    kind: "AttentionMap",
    help: "Keys (?). Weights are ± the row's largest / 510",
  });
  const { toolbar, stage, requestDraw, request, write, watch, color, font, listen, surface } = frame;
  const photos = about.images.map(({ url }) => Object.assign(new Image(), { onload: requestDraw, src: url }));
  /** @param {number} head */
  const headName = (head) => about.heads[head] ?? `head ${head}`;
  const wordLayer = attention || mostHeads > 1 ? "layer" : "map";

  // What has arrived. The layer on view comes with the page; the others are asked for one at a time, after the first paint.
  /** @type {Map<string, Block>} */
  const held = new Map();
  let inFlight = "",
    slow = 0,
    painted = false;
  /** @param {number} side @param {number | "pooling"} layer */
  const keyOf = (side, layer) => `${side}/${get("image_index")}/${layer}`;
  /** The layer of a second model at the same share of its depth. @param {number} side */
  const layerOf = (side) => {
    const last = sides[side].layers.length - 1;
    return depth > 1 ? floor((get("layer") * last) / (depth - 1) + 0.5) : last;
  };
  /** @param {number} side @param {number | "pooling"} [layer] */
  const blockOf = (side, layer = layerOf(side)) => held.get(keyOf(side, layer));
  /** @param {number} side @param {number} [layer] */
  const headOf = (side, layer = layerOf(side)) => min(get("head"), sides[side].layers[layer].heads - 1);
  const needed = () => [
    ...sides.map((_, side) => keyOf(side, layerOf(side))),
    ...sides.flatMap(({ pooling }, side) => (pooling ? [keyOf(side, "pooling")] : [])),
    ...sides.flatMap(({ layers }, side) =>
      layers
        .map((_, layer) => keyOf(side, layer))
        .filter((_, layer) => about.all || (get("mode") === "rollout" && layer <= layerOf(side))),
    ),
  ];
  const fetchNext = () => {
    const next = needed().find((key) => !held.has(key));
    if (inFlight || !next) return;
    inFlight = next;
    slow = window.setTimeout(() => {
      slow = -1;
      requestDraw();
    }, 3000);
    const packed = get("blocks")[next];
    if (packed) receive(next, packed);
    else request(next);
  };
  /** @param {string} key @param {BufferSource} packed */
  const receive = async (key, packed) => {
    const [one, , index] = key.split("/"),
      side = sides[Number(one)],
      layer = side.layers[Number(index)] ?? side.pooling;
    const bytes = await new Response(
      new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")),
    ).arrayBuffer();
    const pooled = layer === side.pooling,
      block = readBlock(bytes, layer, side.prefix, side.signed, pooled ? 1 : undefined);
    if (attention && !pooled)
      block.reach = Array.from({ length: layer.heads }, (_, head) => meanDistance(block, head, layer.grid));
    held.set(key, block);
    // Other pictures' layers would pile up.
    for (const old of held.keys()) if (old.split("/")[1] !== String(get("image_index"))) held.delete(old);
    if (key === inFlight) {
      clearTimeout(slow);
      inFlight = "";
      slow = 0;
    }
    if (painted) fetchNext();
    requestDraw();
  };
  /** @param {any} content @param {BufferSource[]} buffers */
  frame.onResponse(({ response }, buffers) => {
    if (!held.has(response)) receive(response, buffers[0]);
  });
  frame.onClose(() => clearTimeout(slow));
  const lateness = () => (slow < 0 ? " (the kernel is busy or gone)" : "");

  // Whose map is shown: the pinned query; else the patch under the pointer; else the query.
  /** @param {number} token */
  const toPlace = (token) => placeOf(token, reference.grid, prefix);
  /** @param {Place} at */
  const toToken = (at) => tokenAt(at, reference, prefix);
  const home = toPlace(get("query"));
  /** @type {Place | null} */
  let place = home;
  /** @type {Place | null} */
  let hover = null;
  let locked = false;
  if (get("selected").length) place = toPlace(prefix + get("selected")[0]);
  const pinned = () => locked || get("selected").length > 0;
  const shown = () => (pinned() || !hover ? place : hover);
  /** @param {Place | null} next */
  const setHover = (next) => {
    hover = next;
    write("hovered", next && next.token < 0 ? cellAt(next, reference.grid) : -1);
    requestDraw();
  };
  /** @param {Place | null} next @param {boolean} [hold] */
  const setPlace = (next, hold = true) => {
    place = next;
    locked = hold && !!next && next.token >= 0;
    write("selected", hold && next && next.token < 0 ? [cellAt(next, reference.grid)] : []);
    write("query", next ? toToken(next) : -1);
    requestDraw();
  };
  /** @param {Place} next */
  const togglePin = (next) => {
    const same = pinned() && place && toToken(place) === toToken(next);
    setPlace(same ? home : next, !same);
  };

  /** What is on view in a layer of a model; `query` is -1 where the layer has none. @param {number} s @param {number} [at] */
  const viewOf = (s, at = layerOf(s)) => {
    const layer = sides[s].layers[at],
      now = shown();
    return {
      at,
      layer,
      now,
      block: blockOf(s, at),
      query: now ? tokenAt(now, layer, sides[s].prefix) : -1,
      mode: get("mode"),
    };
  };
  /** The row on view of a model, or null while a layer is missing. @param {number} side @param {number} [wanted] */
  const rowOf = (side, wanted) => {
    const { at, block, now, mode, query } = viewOf(side),
      which = wanted ?? query,
      pool = blockOf(side, "pooling");
    if (wanted === undefined && pool && now?.token === POOLING)
      return mode === MODES[0]
        ? rowWeights(pool, min(get("head"), pool.heads - 1), 0)
        : overHeads(pool, 0, mode === MODES[2]);
    if (!block || which < 0) return null;
    if (mode === MODES[0]) return rowWeights(block, headOf(side), which);
    if (mode !== "rollout") return overHeads(block, which, mode === MODES[2]);
    const below = sides[side].layers.slice(0, at + 1).flatMap((_, index) => blockOf(side, index) ?? []);
    return below.length > at ? rolloutRow(below, which) : null;
  };
  /** The largest weight of the query's maps in all heads that are here, of all models. */
  const sharedLimit = () =>
    max(
      0,
      ...sides.flatMap((side, s) =>
        side.layers.flatMap((_, index) => {
          const { block, query } = viewOf(s, index);
          return block && query >= 0
            ? Array.from({ length: block.heads }, (_, head) => block.scales[head * block.queries + query])
            : [];
        }),
      ),
    );
  const tables = { plain: colorTable("magma"), signed: colorTable("diverging") };
  /** A canvas in memory that holds one pixel a cell. @param {number} width @param {number} height */
  const cells = (width, height) => {
    const canvas = make("canvas", { width: String(width), height: String(height) }),
      pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")),
      image = pen.createImageData(width, height);
    return { canvas, words: new Uint32Array(image.data.buffer), put: () => pen.putImageData(image, 0, 0) };
  };
  /** @param {boolean} signed @param {number} share of the limit */
  const wordOf = (signed, share) =>
    signed
      ? tables.signed[round(127.5 + 127.5 * clamp(-1, share, 1))]
      : tables.plain[round(255 * clamp(0, share, 1))];
  /** A frame that shows on any picture. @param {CanvasRenderingContext2D} pen @param {number[]} box @param {string} ink @param {number} [width] */
  const outline = (pen, [x, y, w, h], ink, width = 2) =>
    [
      ["#000a", width + 2],
      [ink, width],
    ].forEach(([strokeStyle, lineWidth]) => {
      Object.assign(pen, { strokeStyle, lineWidth });
      pen.strokeRect(x, y, w, h);
    });
  /** @param {CanvasRenderingContext2D} pen @param {string} words @param {number} x @param {number} y @param {CanvasTextAlign} [textAlign] @param {string} [ink] @param {number} [room] */
  const text = (pen, words, x, y, textAlign = "center", ink = "muted", room) => {
    Object.assign(pen, { textAlign, fillStyle: color(ink), font: font(11, ink === "ink" ? "700" : "400") });
    pen.fillText(words, x, y, room);
  };
  /** @param {CanvasRenderingContext2D} pen @param {string} words @param {number} width @param {number} height */
  const plaque = (pen, words, width, height) => {
    pen.fillStyle = color("paper");
    pen.fillRect(0, height / 2 - 20, width, 36);
    text(pen, words, width / 2, height / 2, "center", "ink", width - 9);
  };

  /** @param {number} cell @param {[number, number]} grid */
  const spot = (cell, [, columns]) => `row ${floor(cell / columns)}, column ${cell % columns}`;
  /** @param {number} token */
  const nameOf = (token) =>
    token === POOLING
      ? "pooling"
      : (sides[0].tokens?.[token] ?? (sides[0].prefix > 1 ? `prefix ${token}` : "CLS"));
  /** Queries that are no patches. @param {Side} side */
  const specials = (side) => [...Array(side.prefix).keys(), ...(side.pooling ? [POOLING] : [])];
  const views = sides.map((side, s) => {
    const box = make("div", { class: "vk-model" }),
      column = make("div", { class: "vk-main" });
    if (side.name) column.append(make("div", { class: "vk-strong" }, side.name));
    box.append(column);
    stage.append(box);
    /** @type {Float64Array | null} */
    let row = null;
    let limit = 1,
      scratch = cells(1, 1);
    /** @param {Place} at @param {[number, number]} grid @param {number} width @param {number} height */
    const cellBox = (at, [rows, columns], width, height) => {
      const cell = cellAt(at, [rows, columns]),
        w = width / columns,
        h = height / rows;
      return [(cell % columns) * w, floor(cell / columns) * h, w, h];
    };
    const main = surface(
      column,
      "Map over the picture: arrows move the query",
      ({ context: pen, width, height }) => {
        const photo = photos[get("image_index")],
          { layer, now, query } = viewOf(s),
          [rows, columns] = layer.keys;
        pen.fillStyle = color("raised");
        pen.fillRect(0, 0, width, height);
        if (photo?.complete && photo.naturalWidth) {
          pen.imageSmoothingEnabled = width < photo.naturalWidth * 4;
          pen.drawImage(photo, 0, 0, width, height);
        }
        row = rowOf(s);
        if (row) {
          limit = 0;
          for (let i = side.prefix; i < row.length; i++) limit = max(limit, abs(row[i]));
          if (get("scale") === "shared") limit = max(limit, sharedLimit());
          if (scratch.canvas.width !== columns || scratch.canvas.height !== rows)
            scratch = cells(columns, rows);
          // The picture shows through where little is looked at.
          for (let i = 0; i < rows * columns; i++) {
            const share = row[side.prefix + i] / (limit || 1);
            scratch.words[i] = photo
              ? (wordOf(side.signed, share) & 0xffffff) | (round(140 + 115 * min(1, abs(share))) << 24)
              : wordOf(side.signed, share);
          }
          scratch.put();
          pen.globalAlpha = photo ? get("opacity") : 1;
          pen.imageSmoothingEnabled = get("smooth");
          pen.drawImage(scratch.canvas, 0, 0, width, height);
          pen.globalAlpha = 1;
        } else
          plaque(
            pen,
            !now
              ? "Hover a patch"
              : query < 0
                ? "No such token"
                : `Layer ${layer.name} is on its way` + lateness(),
            width,
            height,
          );
        if (now && now.token < 0)
          outline(pen, cellBox(now, layer.grid, width, height), pinned() ? PIN : "#fff", 2.5);
        if (pinned() && hover && hover.token < 0)
          outline(pen, cellBox(hover, layer.keys, width, height), "#fff", 1);
        tell();
        // The first picture shall be on the screen before the other layers take the processor.
        if (row && !painted) {
          painted = true;
          frame.ready();
          setTimeout(fetchNext, 100);
        }
      },
      { tabindex: "0", role: "application", style: "cursor:crosshair" },
    );
    /** @param {PointerEvent} event @returns {Place} */
    const pointed = (event) => ({ token: -1, ...pointerWithin(event, main.canvas) });
    listen(main.canvas, "pointermove", (event) => setHover(pointed(event)));
    listen(main.canvas, "pointerleave", () => setHover(null));
    listen(main.canvas, "click", (event) => togglePin(pointed(event)));

    surface(
      column,
      "Colour scale",
      ({ context: pen, width }) => {
        const size = 12 * frame.scale();
        for (let x = 0; x < width; x++) {
          const word = wordOf(side.signed, side.signed ? (x / width) * 2 - 1 : x / width);
          pen.fillStyle = `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
          pen.fillRect(x, 0, 1.5, size * 0.6);
        }
        const words = get("scale") === "shared" ? "all maps alike" : "up to this map's maximum",
          most = formatNumber(limit);
        text(pen, side.signed ? formatNumber(-limit) : "0", 0, size * 1.7, "left");
        text(pen, most, width, size * 1.7, "right");
        // Between the numbers, if there is room.
        if (pen.measureText(`${words} −${most}${most}`).width < width)
          text(pen, words, width / 2, size * 1.7);
      },
      { class: "vk-canvas vk-scale" },
    );

    const chipRow = make("div", { class: "vk-chips" });
    const chips = specials(side).map((token) => {
      const share = make("b"),
        at = { token, x: -1, y: -1 };
      const chip = frame.button(chipRow, nameOf(token) + " ", () => togglePin(at), "Query: " + nameOf(token));
      chip.append(share);
      listen(chip, "pointerenter", () => setHover(at));
      listen(chip, "pointerleave", () => setHover(null));
      return { chip, share, token };
    });
    const facts = [0, 1, 2].map(() => ({ name: make("dt"), value: make("dd") }));
    const list = make(
      "dl",
      { class: "vk-facts" },
      ...facts.map(({ name, value }) => make("div", {}, name, value)),
    );
    if (chips.length) column.append(chipRow);
    column.append(list);

    /** Writes the numbers of the map on view. */
    const tell = () => {
      const { layer, now, block, mode } = viewOf(s),
        key = pinned() && hover && hover.token < 0 ? cellAt(hover, layer.keys) : -1;
      chips.forEach(({ chip, share, token }) => {
        chip.setAttribute("aria-pressed", String(now?.token === token));
        share.textContent = row && token < side.prefix ? `${(row[token] * 100).toFixed(1)}%` : "";
      });
      let best = side.prefix;
      if (row) for (let i = best; i < row.length; i++) if (row[i] > row[best]) best = i;
      const cell = key >= 0 ? key : best - side.prefix,
        reach = mode === MODES[0] && now?.token !== POOLING ? block?.reach?.[headOf(s)] : undefined;
      /** @type {[string, string][]} */
      const lines = [
        [
          `${key < 0 ? "strongest" : "here"}: ${spot(cell, layer.keys)}`,
          row ? formatNumber(row[side.prefix + cell]) : "…",
        ],
        attention
          ? [
              "looks at",
              row
                ? `${effectiveNumber(row, side.prefix).toFixed(1)} of ${row.length - side.prefix} patches`
                : "…",
            ]
          : ["values", row ? `${formatNumber(min(...row))} to ${formatNumber(max(...row))}` : "…"],
        [
          attention ? "head's mean distance" : "",
          reach === undefined ? (attention ? "—" : "") : `${formatNumber(reach, 2)} of the width`,
        ],
      ];
      lines.forEach(([name, value], i) => {
        facts[i].name.textContent = name;
        facts[i].value.textContent = value;
      });
      if (s) return;
      const who = !now
        ? "none"
        : now.token < 0
          ? spot(cellAt(now, layer.grid), layer.grid)
          : nameOf(now.token);
      frame.say(
        `${wordLayer} ${layer.name}, ${mode === MODES[0] ? headName(headOf(s)) : mode}, query ${who}${pinned() ? " (pinned)" : ""}: ${lines[0].join(" ")}`,
      );
    };

    /** Whether a head is part of the map on view. @param {number} layer @param {number} head */
    const isOn = (layer, head) =>
      layer === layerOf(s) && get("mode") !== "rollout" && (get("mode") !== MODES[0] || head === headOf(s));
    // All heads, each with the map of the query on view.
    const single = mostHeads === 1,
      ownHeads = max(...side.layers.map((layer) => layer.heads));
    const across = single ? ceil(Math.sqrt(side.layers.length)) : ownHeads,
      down = single ? ceil(side.layers.length / across) : side.layers.length;
    /** @param {string} name @param {string} text */
    const panel = (name, text) => {
      const part = make(
        "div",
        { class: "vk-panel", "data-panel": name },
        make("div", { class: "vk-small" }, text),
      );
      box.append(part);
      return part;
    };
    const ratio = side.layers[0].keys[0] / side.layers[0].keys[1],
      headPanel = panel("heads", single ? "all maps" : "all heads of all layers"),
      note = make("div", { class: "vk-small" });
    const rowScratch = side.layers.map((layer) => cells(layer.keys[1] * layer.heads, layer.keys[0]));
    /** Left, top and size of the tiles. @param {number} width */
    const tiling = (width) => {
      const unit = frame.scale(),
        left = single ? 0 : 20 * unit,
        size = (width - left) / across;
      return { left, top: single ? 0 : 16 * unit, size, high: size * ratio + (single ? 16 * unit : 0) };
    };
    const heads = surface(
      headPanel,
      "All heads",
      ({ context: pen, width }) => {
        const { left, top, size, high } = tiling(width),
          gap = max(1.5, size * 0.05),
          shared = get("scale") === "shared" ? sharedLimit() : 0;
        let here = 0;
        if (!single)
          for (let head = 0; head < ownHeads; head++)
            text(
              pen,
              about.heads[head] ?? String(head),
              left + (head + 0.5) * size,
              top - 4,
              "center",
              "muted",
              size - 4,
            );
        side.layers.forEach((layer, index) => {
          // Pooling stands where it happens, after the last layer.
          const pool =
              shown()?.token === POOLING && !side.layers[index + 1] ? blockOf(s, "pooling") : undefined,
            own = viewOf(s, index);
          const { block, query } = pool?.heads === layer.heads ? { block: pool, query: 0 } : own,
            scratch = rowScratch[index],
            [rows, columns] = layer.keys;
          const y = top + (single ? floor(index / across) : index) * high,
            current = index === layerOf(s);
          if (block) here++;
          text(
            pen,
            layer.name,
            single ? ((index % across) + 0.5) * size : left / 2 - 2,
            single ? y + size * ratio + 11 * frame.scale() : y + high / 2 + 4,
            "center",
            current ? "ink" : "muted",
            single ? size - 4 : left - 4,
          );
          if (block && query >= 0) {
            for (let head = 0; head < layer.heads; head++) {
              const at = head * block.queries + query,
                from = at * block.cells,
                share = (shared ? block.scales[at] / shared : 1) / (side.signed ? 127 : 255),
                zero = side.signed ? 128 : 0;
              for (let r = 0, k = from; r < rows; r++)
                for (let c = 0, to = (r * layer.heads + head) * columns; c < columns; c++)
                  scratch.words[to + c] = wordOf(side.signed, (block.values[k++] - zero) * share);
            }
            scratch.put();
          }
          pen.imageSmoothingEnabled = get("smooth");
          for (let head = 0; head < layer.heads; head++) {
            const x = left + (single ? index % across : head) * size,
              area = [x + gap / 2, y + gap / 2, size - gap, size * ratio - gap];
            if (block && query >= 0)
              pen.drawImage(
                scratch.canvas,
                head * columns,
                0,
                columns,
                rows,
                area[0],
                area[1],
                area[2],
                area[3],
              );
            else {
              pen.fillStyle = color("raised");
              pen.fillRect(area[0], area[1], area[2], area[3]);
            }
            if (isOn(index, head)) outline(pen, area, PIN);
          }
        });
        note.textContent =
          shown()?.token === POOLING
            ? "Pooling looks once, after the last layer"
            : here === side.layers.length
              ? ""
              : `${here} of ${side.layers.length} layers` +
                (about.all || get("mode") === "rollout"
                  ? lateness()
                  : ` (${round(about.bytes / 2 ** 20)} MB in all: each comes when you go there; layers=[…] keeps a few)`);
      },
      { style: "cursor:pointer" },
    );
    headPanel.append(note);
    /** @param {PointerEvent} event */
    const headUnder = (event) => {
      const { left, top, size, high } = tiling(heads.width),
        at = pointerWithin(event, heads.canvas);
      const x = floor((at.x * heads.width - left) / size),
        y = floor((at.y * heads.height - top) / high),
        layer = single ? y * across + x : y,
        head = single ? 0 : x;
      return x >= 0 && x < across && y >= 0 && side.layers[layer] && head < side.layers[layer].heads
        ? { layer, head }
        : null;
    };
    /** @param {{ layer: number, head: number } | null} at @param {PointerEvent} event */
    const headTip = (at, event) => {
      const reach = at && blockOf(s, at.layer)?.reach?.[at.head];
      frame.tooltip(
        at && [
          `${wordLayer} ${side.layers[at.layer].name}${single ? "" : `, ${headName(at.head)}`}`,
          ...(reach ? [`mean distance ${formatNumber(reach, 2)} of the width`] : []),
        ],
        event,
      );
    };
    /** @param {{ layer: number, head: number } | null} at */
    const choose = (at) => {
      if (!at) return;
      const last = side.layers.length - 1;
      setLayer(last ? round((at.layer * (depth - 1)) / last) : get("layer"));
      setHead(at.head);
      setMode(MODES[0]);
    };
    /** @param {HTMLCanvasElement} canvas @param {(event: PointerEvent) => { layer: number, head: number } | null} under */
    const picker = (canvas, under) => {
      listen(canvas, "pointermove", (event) => headTip(under(event), event));
      listen(canvas, "pointerleave", () => frame.tooltip(null));
      listen(canvas, "click", (event) => choose(under(event)));
    };
    picker(heads.canvas, headUnder);

    // Mean attention distance of every head (Figure 7 of the ViT paper).
    const distancePanel = panel("distance", "mean attention distance (share of the width)");
    const alike = attention ? meanDistance(null, 0, reference.grid) : 0;
    const plot = () => {
      const top = max(
          alike * 1.25,
          ...side.layers.flatMap((_, index) => blockOf(s, index)?.reach?.filter(Number.isFinite) ?? []),
        ),
        unit = frame.scale();
      return {
        x: (/** @type {number} */ layer) =>
          40 * unit + ((layer + 0.5) / side.layers.length) * (distance.width - 48 * unit),
        y: (/** @type {number} */ value) =>
          distance.height - 34 * unit - (value / top) * (distance.height - 60 * unit),
        top,
      };
    };
    const distance = surface(
      distancePanel,
      "Mean attention distance",
      ({ context: pen, width, height }) => {
        const { x, y, top } = plot(),
          unit = frame.scale();
        for (let value = 0; value <= top; value += 0.2) {
          text(pen, value.toFixed(1), 8 * unit, y(value) + 4, "left");
          pen.fillStyle = color("line");
          pen.fillRect(34 * unit, y(value), width, 1);
        }
        const every = ceil(side.layers.length / max(4, width / (34 * unit)));
        side.layers.forEach((layer, index) => {
          if (index % every === 0) text(pen, layer.name, x(index), height - 18 * unit);
        });
        text(pen, "layer", width / 2, height - 4 * unit);
        // Named above the plot, where no dot can be.
        text(pen, "uniform attention", width - 2, 11 * unit, "right");
        for (let dash = 34 * unit; dash < width; dash += 9) pen.fillRect(dash, y(alike), 5, 1.5);
        for (let dash = 1; dash < 4; dash++) pen.fillRect(width - 112 * unit - dash * 9, 7 * unit, 5, 1.5);
        side.layers.forEach((_, index) =>
          blockOf(s, index)?.reach?.forEach((value, head) => {
            const current = isOn(index, head);
            pen.beginPath();
            pen.arc(x(index), y(value), (current ? 6.5 : 4) * unit, 0, 7);
            pen.fillStyle = current ? PIN : color("accent");
            pen.globalAlpha = current ? 1 : 0.65;
            pen.fill();
            pen.globalAlpha = 1;
            if (!current) return;
            pen.strokeStyle = color("ink");
            pen.lineWidth = 1.5;
            pen.stroke();
          }),
        );
      },
      { style: "cursor:pointer" },
    );
    /** @param {PointerEvent} event */
    const dotUnder = (event) => {
      const { x, y } = plot(),
        at = pointerWithin(event, distance.canvas),
        px = at.x * distance.width,
        py = at.y * distance.height;
      let near = 14 * frame.scale(),
        /** @type {{ layer: number, head: number } | null} */ found = null;
      side.layers.forEach((_, layer) =>
        blockOf(s, layer)?.reach?.forEach((value, head) => {
          const far = hypot(x(layer) - px, y(value) - py);
          if (far < near) {
            near = far;
            found = { layer, head };
          }
        }),
      );
      return found;
    };
    picker(distance.canvas, dotUnder);

    // The whole matrix, drawn once for each layer, head and mode; only the cross lines follow the pointer.
    const matrixPanel = panel("matrix", "rows: queries, columns: keys");
    let drawn = "",
      matrixCells = cells(1, 1),
      refusal = "";
    const fillMatrix = () => {
      const { at, layer, block, mode } = viewOf(s),
        queries = side.prefix + layer.grid[0] * layer.grid[1],
        keys = side.prefix + layer.keys[0] * layer.keys[1];
      const name = [
        keyOf(s, at),
        mode,
        headOf(s),
        get("scale"),
        mode === "rollout" && held.size,
        !block,
      ].join();
      if (name === drawn) return;
      drawn = name;
      refusal =
        !block || (mode === "rollout" && !rowOf(s, 0))
          ? "On its way"
          : queries * keys > 2 ** 21
            ? "Too many tokens to draw"
            : mode === "rollout" && queries ** 3 * (at + 1) > 2e8
              ? "Too many tokens to draw"
              : "";
      if (refusal) return;
      matrixCells = cells(keys, queries);
      const rows = Array.from(
        { length: queries },
        (_, query) => /** @type {Float64Array} */ (rowOf(s, query)),
      );
      const largest = rows.map((one) => one.reduce((most, value) => max(most, abs(value)), 0)),
        most = max(...largest);
      rows.forEach((one, query) => {
        for (let i = 0; i < keys; i++)
          matrixCells.words[query * keys + i] = wordOf(
            side.signed,
            one[i] / ((get("scale") === "shared" ? most : largest[query]) || 1),
          );
      });
      matrixCells.put();
    };
    const matrix = surface(
      matrixPanel,
      "Matrix",
      ({ context: pen, width, height }) => {
        fillMatrix();
        if (refusal) return plaque(pen, refusal, width, height);
        const { canvas } = matrixCells,
          { query } = viewOf(s);
        pen.imageSmoothingEnabled = width < canvas.width;
        pen.drawImage(canvas, 0, 0, width, height);
        if (query >= 0)
          outline(
            pen,
            [0, (query / canvas.height) * height, width, height / canvas.height],
            pinned() ? PIN : "#fff",
            1,
          );
      },
      { style: "cursor:crosshair" },
    );
    /** @param {PointerEvent} event */
    const matrixUnder = (event) => {
      const { canvas } = matrixCells,
        at = pointerWithin(event, matrix.canvas),
        query = clamp(0, floor(at.y * canvas.height), canvas.height - 1),
        key = clamp(0, floor(at.x * canvas.width), canvas.width - 1);
      return {
        query,
        key,
        place: /** @type {Place} */ (placeOf(query, side.layers[layerOf(s)].grid, side.prefix)),
      };
    };
    listen(matrix.canvas, "pointermove", (event) => {
      if (refusal) return;
      const { query, key, place: under } = matrixUnder(event);
      setHover(under);
      frame.tooltip(
        [
          `query ${query}, key ${key}`,
          `weight ${formatNumber(/** @type {Float64Array} */ (rowOf(s, query))[key])}`,
        ],
        event,
      );
    });
    listen(matrix.canvas, "pointerleave", () => {
      setHover(null);
      frame.tooltip(null);
    });
    listen(matrix.canvas, "click", (event) => {
      if (!refusal) togglePin(matrixUnder(event).place);
    });
    return {
      box,
      main,
      heads,
      distance,
      matrix,
      across,
      down,
      single,
      ratio,
      shows: { heads: side.layers.length * ownHeads > 1, distance: attention, matrix: true },
    };
  });

  /** Sizes a canvas and the panel around it. @param {Surface} surface @param {number} width @param {number} height */
  const fit = ({ canvas }, width, height) => {
    Object.assign(canvas.style, { width: `${width}px`, height: `${round(height)}px` });
    /** @type {HTMLElement} */ (canvas.parentElement).style.width = `${width}px`;
  };
  // Sizes: the map first, the heads beside it, the distances in what is left.
  const layout = () => {
    const full = frame.root.dataset.full === "true",
      unit = frame.scale(),
      wide = stage.clientWidth,
      on = get("panels"),
      photo = about.images[get("image_index")];
    const own = (wide - 18 * (sides.length - 1)) / sides.length,
      beside = own > 500 * unit && on.length > 0,
      room = full ? max(260, window.innerHeight - stage.offsetTop - 190 * unit) : 400;
    for (const { box, main, heads, distance, matrix, across, down, single, ratio, shows } of views) {
      const aspect = photo ? photo.height / photo.width : ratio,
        width = floor(min(beside ? own * (full ? 0.5 : 0.42) : own, room / aspect)),
        rest = beside ? own - width - 18 : own;
      box.style.width = `${own}px`;
      fit(main, width, width * aspect);
      const left = single ? 0 : 20 * unit,
        top = single ? 0 : 16 * unit,
        foot = single ? 16 * unit : 0,
        both = on.includes("distance") && shows.distance && rest > 560 * unit;
      const size = min(
        (min(rest, both ? rest - 240 * unit : rest) - left) / across,
        (room + 40 * unit - top) / down / ratio - foot,
        110 * unit,
      );
      fit(heads, left + size * across, top + (size * ratio + foot) * down);
      const left2 = rest - (left + size * across) - 18,
        dots = on.includes("heads") && shows.heads && left2 > 200 * unit ? left2 : rest;
      fit(distance, min(dots, 560 * unit), min(room, 300 * unit));
      fit(matrix, min(rest, room), min(rest, room));
      for (const part of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-panel]"))) {
        const name = /** @type {"heads" | "distance" | "matrix"} */ (part.dataset.panel);
        part.hidden = !on.includes(name) || !shows[name];
      }
    }
    requestDraw();
  };
  const resize = new ResizeObserver(layout);
  resize.observe(stage);
  frame.onClose(() => resize.disconnect());
  listen(window, "resize", layout);

  // Controls. Each sets a trait; `watch` brings changes from Python and from links back to them.
  /** @param {string} name @param {(value: any) => void} show */
  const control = (name, show) => {
    const changed = () => {
      show(get(name));
      fetchNext();
      layout();
    };
    watch(name, changed);
    return (/** @type {any} */ value) => {
      write(name, value);
      changed();
    };
  };
  const thumbs =
    about.images.length > 1
      ? about.images.map(({ url }, index) => {
          const button = make(
            "button",
            { type: "button", class: "vk-thumb", "aria-label": `picture ${index}` },
            make("img", { src: url, alt: "" }),
          );
          listen(button, "click", () => setImage(index));
          return button;
        })
      : [];
  if (thumbs.length) toolbar.before(make("div", { class: "vk-bar" }, ...thumbs));
  const layerSlider =
    depth > 1
      ? frame.slider(toolbar, {
          label: wordLayer,
          min: 0,
          max: depth - 1,
          step: 1,
          value: get("layer"),
          format: (value) => sides[0].layers[round(value)].name,
          changed: (value) => setLayer(round(value)),
        })
      : null;
  const headSlider =
    mostHeads > 1
      ? frame.slider(toolbar, {
          label: "head",
          min: 0,
          max: mostHeads - 1,
          step: 1,
          value: get("head"),
          format: (value) => about.heads[round(value)] ?? String(value),
          changed: (value) => setHead(round(value)),
        })
      : null;
  const modes = MODES.filter(
    (mode) => mode === MODES[0] || (mode === "rollout" ? sides.every((side) => side.rollout) : mostHeads > 1),
  );
  const modeSelect =
    modes.length > 1 ? frame.select(toolbar, "show", modes, get("mode"), (value) => setMode(value)) : null;
  const opacitySlider = photos.length
    ? frame.slider(toolbar, {
        label: "opacity",
        min: 0,
        max: 1,
        step: 0.05,
        value: get("opacity"),
        format: (value) => value.toFixed(2),
        changed: (value) => setOpacity(value),
      })
    : null;
  const scaleSelect = frame.select(toolbar, "colours", ["each map", "shared"], get("scale"), (value) =>
    setScale(value),
  );
  const smoothToggle = frame.toggle(
    toolbar,
    "smooth",
    get("smooth"),
    (on) => setSmooth(on),
    "Interpolate (s)",
  );
  const panelToggles = ["heads", "distance", "matrix"]
    .filter((name) => views.some(({ shows }) => shows[/** @type {"heads"} */ (name)]))
    .map((name) => {
      const { element } = frame.toggle(
        toolbar,
        name,
        get("panels").includes(name),
        (on) =>
          setPanels([
            ...get("panels").filter((/** @type {string} */ other) => other !== name),
            ...(on ? [name] : []),
          ]),
        `Show ${name}`,
      );
      return { name, element };
    });
  const setLayer = control("layer", (value) => layerSlider?.set(value)),
    setHead = control("head", (value) => headSlider?.set(value));
  const setMode = control("mode", (value) => {
      if (modeSelect) modeSelect.value = value;
    }),
    setOpacity = control("opacity", (value) => opacitySlider?.set(value));
  const setScale = control("scale", (value) => {
      scaleSelect.value = value;
    }),
    setSmooth = control("smooth", (value) => smoothToggle.element.setAttribute("aria-pressed", value));
  const setPanels = control("panels", (value) =>
    panelToggles.forEach(({ name, element }) => element.setAttribute("aria-pressed", value.includes(name))),
  );
  const setImage = control("image_index", (value) =>
    thumbs.forEach((button, index) => button.setAttribute("aria-pressed", String(index === value))),
  );
  thumbs[get("image_index")]?.setAttribute("aria-pressed", "true");
  watch("query", (value) => {
    place = toPlace(value);
    requestDraw();
  });
  watch("selected", (value) => {
    locked = false;
    if (value.length) place = toPlace(prefix + value[0]);
    requestDraw();
  });
  watch("hovered", (value) => {
    hover = value < 0 ? null : toPlace(prefix + value);
    requestDraw();
  });

  /** Moves the query by cells of the layer on view. @param {number} down @param {number} right */
  const move = (down, right) => {
    const [rows, columns] = sides[0].layers[layerOf(0)].grid,
      from = shown(),
      at = from && from.token < 0 ? cellAt(from, [rows, columns]) : 0;
    const row = clamp(0, floor(at / columns) + down, rows - 1),
      column = clamp(0, (at % columns) + right, columns - 1);
    setPlace(placeOf(row * columns + column, [rows, columns], 0));
  };
  /** @param {string} name @param {number} step @param {number} count @param {(value: number) => void} set */
  const stepper = (name, step, count, set) => () => set(clamp(0, get(name) + step, count - 1));
  /** @type {[string, string, () => void][]} */
  const keyTable = [
    ["query up", "ArrowUp", () => move(-1, 0)],
    ["query down", "ArrowDown", () => move(1, 0)],
    ["query left", "ArrowLeft", () => move(0, -1)],
    ["query right", "ArrowRight", () => move(0, 1)],
    ["first patch", "Home", () => move(-1e9, -1e9)],
    ["last patch", "End", () => move(1e9, 1e9)],
    [
      "pin or release",
      "Enter",
      () => {
        const now = shown();
        if (now) togglePin(now);
      },
    ],
    [
      "CLS, registers, pooling",
      "c",
      () => {
        const all = specials(sides[0]);
        if (all.length)
          setPlace({ token: all[(all.indexOf(place?.token ?? -1) + 1) % all.length], x: -1, y: -1 });
      },
    ],
    ["next layer", "PageDown / l", stepper("layer", 1, depth, setLayer)],
    ["layer before", "PageUp / L", stepper("layer", -1, depth, setLayer)],
    ["next head", "] / h", stepper("head", 1, mostHeads, setHead)],
    ["head before", "[ / H", stepper("head", -1, mostHeads, setHead)],
    ["next picture", ".", stepper("image_index", 1, about.count, setImage)],
    ["picture before", ",", stepper("image_index", -1, about.count, setImage)],
    ["one head, mean, …", "m", () => setMode(modes[(modes.indexOf(get("mode")) + 1) % modes.length])],
    ["smooth", "s", () => setSmooth(!get("smooth"))],
  ];
  frame.addKeys(...keyTable.map(([name, keys, run]) => ({ name, keys, run })));
  layout();
  fetchNext();
  return frame.close;
}

export {
  cellAt,
  effectiveNumber,
  meanDistance,
  overHeads,
  placeOf,
  readBlock,
  render,
  rolloutRow,
  rowWeights,
  tokenAt,
};
