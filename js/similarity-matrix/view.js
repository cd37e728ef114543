// Being moved into modules of their own.

import { openAtlas } from "../shared/atlas.ts";
import { unpackFixed } from "../shared/codec.ts";
import { colorTable } from "../shared/color.ts";
import { make } from "../shared/dom.ts";
import { openFrame } from "../shared/frame.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";

// SimilarityMatrix in the browser: every number that a slider changes is computed here, in double precision.

/** @typedef {{ values: Float64Array, rows: number, columns: number, low: number, high: number, rowTop: Float64Array, columnTop: Float64Array,
 *   imageHits: number, textHits: number }} Matrix what does not depend on the temperature */
/** @typedef {{ scale: number, bias: number, shared: boolean, weights: Float64Array, rowLse: Float64Array, columnLse: Float64Array,
 *   infonce: number, sigmoid: number }} Analysis what does; `weights` is exp(scale · (value − high)) where `shared` */
/** @typedef {{ row: number, column: number }} Cell -1 stands for none */

import { similarityViews } from "../../vizkit/constants.json";

const VIEWS = similarityViews.map(({ name }) => name);
const VIEW_SYMBOLS = similarityViews.map(({ symbol }) => symbol);
const VIEW_COLORS = similarityViews.map(({ colormap }) => colormap);

const EXP_PARTS = Float64Array.from({ length: 2048 }, (_, k) => 2 ** (k / 2048));
const EXP_POWERS = Float64Array.from({ length: 1024 }, (_, k) => 2 ** (k - 1023));

/** exp for −700 ≤ x ≤ 0 with a relative error below 1e-12, about four times as fast as Math.exp.
 * @param {number} x */
function fastExp(x) {
  const k = (x * 2954.639443740597 - 0.5) | 0; // 2048 / ln 2
  const r = x - k * 0.0003384507717577858;
  return EXP_PARTS[k & 2047] * EXP_POWERS[(k >> 11) + 1023] * (1 + r * (1 + r * 0.5));
}

/** Writes two rows of images @ texts.T, four columns at a time: what is read serves eight sums. @param {Float64Array} images @param {Float64Array} texts
 * @param {number} dim @param {number} row @param {Float64Array} out @param {number} columns */
function multiplyRows(images, texts, dim, row, out, columns) {
  // Past an end the last row or column is computed again, which costs less than loops of their own.
  const last = columns - 1,
    next = Math.min(row + 1, out.length / columns - 1),
    from = row * dim,
    from1 = next * dim,
    at = row * columns,
    at1 = next * columns;
  for (let j = 0; j < columns; j += 4) {
    const j1 = Math.min(j + 1, last),
      j2 = Math.min(j + 2, last),
      j3 = Math.min(j + 3, last);
    const t0 = j * dim,
      t1 = j1 * dim,
      t2 = j2 * dim,
      t3 = j3 * dim;
    let a = 0,
      b = 0,
      c = 0,
      d = 0,
      a1 = 0,
      b1 = 0,
      c1 = 0,
      d1 = 0;
    for (let k = 0; k < dim; k++) {
      const x = images[from + k],
        x1 = images[from1 + k],
        p = texts[t0 + k],
        q = texts[t1 + k],
        r = texts[t2 + k],
        s = texts[t3 + k];
      a += x * p;
      b += x * q;
      c += x * r;
      d += x * s;
      a1 += x1 * p;
      b1 += x1 * q;
      c1 += x1 * r;
      d1 += x1 * s;
    }
    out[at + j] = a;
    out[at + j1] = b;
    out[at + j2] = c;
    out[at + j3] = d;
    out[at1 + j] = a1;
    out[at1 + j1] = b1;
    out[at1 + j2] = c1;
    out[at1 + j3] = d1;
  }
}

/** Range, maxima and hits of a matrix; the first of equal maxima wins, as in torch.argmax on one thread.
 * @param {Float64Array} values @param {number} rows @param {number} columns @returns {Matrix} */
function summarize(values, rows, columns) {
  const rowTop = new Float64Array(rows).fill(-Infinity),
    columnTop = new Float64Array(columns).fill(-Infinity);
  const rowBest = new Int32Array(rows),
    columnBest = new Int32Array(columns);
  let low = Infinity,
    high = -Infinity,
    imageHits = 0,
    textHits = 0;
  for (let i = 0, at = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, at++) {
      const value = values[at];
      if (value < low) low = value;
      if (value > rowTop[i]) {
        rowTop[i] = value;
        rowBest[i] = j;
      }
      if (value > columnTop[j]) {
        columnTop[j] = value;
        columnBest[j] = i;
      }
    }
  for (let i = 0; i < rows; i++) {
    if (rowTop[i] > high) high = rowTop[i];
    if (rowBest[i] === i) imageHits++;
  }
  for (let j = 0; j < columns; j++) if (columnBest[j] === j) textHits++;
  return { values, rows, columns, low, high, rowTop, columnTop, imageHits, textHits };
}

/** Both losses and what the views need, with one exponential per cell where its range allows.
 * @param {Matrix} matrix @param {number} scale 1 / temperature @param {number} bias @param {Float64Array} weights room for one number per cell @returns {Analysis} */
function analyse(matrix, scale, bias, weights) {
  const { values, rows, columns, low, high, rowTop, columnTop } = matrix,
    top = high * scale;
  const rowLse = new Float64Array(rows),
    columnLse = new Float64Array(columns);
  const shared = top - low * scale < 600 && top + bias < 230;
  let pairs = 0,
    infonce = NaN,
    sigmoid = NaN;
  if (shared) {
    // Σ log(1 + e) as the logarithm of products: a logarithm per cell would cost more than all the rest.
    const lift = Math.exp(top + bias);
    // Two cells at a time: their exponentials do not wait for each other.
    const even = columns - (columns % 2);
    let product = 1;
    for (let i = 0; i < rows; i++) {
      let sum = 0,
        at = i * columns;
      for (let j = 0; j < even; j += 2, at += 2) {
        const e = fastExp((values[at] - high) * scale),
          f = fastExp((values[at + 1] - high) * scale);
        weights[at] = e;
        weights[at + 1] = f;
        sum += e + f;
        columnLse[j] += e;
        columnLse[j + 1] += f;
        product *= (1 + e * lift) * (1 + f * lift);
        if (product > 1e100) {
          pairs += Math.log(product);
          product = 1;
        }
      }
      if (even < columns) {
        const e = (weights[at] = fastExp((values[at] - high) * scale));
        sum += e;
        columnLse[even] += e;
        product *= 1 + e * lift;
      }
      rowLse[i] = top + Math.log(sum);
    }
    pairs += Math.log(product);
    for (let j = 0; j < columns; j++) columnLse[j] = top + Math.log(columnLse[j]);
  } else {
    for (let i = 0, at = 0; i < rows; i++)
      for (let j = 0; j < columns; j++, at++) {
        const logit = values[at] * scale,
          x = logit + bias;
        rowLse[i] += Math.exp(logit - rowTop[i] * scale);
        columnLse[j] += Math.exp(logit - columnTop[j] * scale);
        pairs += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
      }
    for (let i = 0; i < rows; i++) rowLse[i] = rowTop[i] * scale + Math.log(rowLse[i]);
    for (let j = 0; j < columns; j++) columnLse[j] = columnTop[j] * scale + Math.log(columnLse[j]);
  }
  if (rows === columns) {
    infonce = 0;
    for (let i = 0; i < rows; i++) {
      const logit = values[i * columns + i] * scale;
      infonce += (rowLse[i] + columnLse[i]) / 2 - logit;
      pairs -= logit + bias;
    }
    infonce /= rows;
    sigmoid = pairs / rows;
  }
  return { scale, bias, shared, weights, rowLse, columnLse, infonce, sigmoid };
}

/** One cell of a view. The gradients are those of the batch's loss with respect to the logit, cosine / temperature (+ bias).
 * @param {Matrix} matrix @param {Analysis} now @param {number} view index into VIEWS @param {number} i @param {number} j */
function valueAt({ values, rows, columns }, now, view, i, j) {
  const value = values[i * columns + j],
    logit = value * now.scale,
    own = i === j ? 1 : 0;
  if (!view) return value;
  if (view === 1) return Math.exp(logit - now.rowLse[i]);
  if (view === 2) return Math.exp(logit - now.columnLse[j]);
  if (view === 4)
    return ((Math.exp(logit - now.rowLse[i]) + Math.exp(logit - now.columnLse[j])) / 2 - own) / rows;
  const pair = 1 / (1 + Math.exp(-logit - now.bias));
  return view === 3 ? pair : (pair - own) / rows;
}

/** @type {Map<number, Uint32Array>} */
const SHARE_COLORS = new Map();

/** Colour of a share from 0 to 1 by the upper 18 bits of its float32: a table instead of a root per cell.
 * @param {number} view @param {number} base @param {number} gain */
function shareColors(view, base, gain) {
  const known = SHARE_COLORS.get(view);
  if (known) return known;
  const middles = new Float32Array(
      Uint32Array.from({ length: 65536 }, (_, upper) => (upper << 14) + 8192).buffer,
    ),
    table = colorTable(VIEW_COLORS[view]);
  const made = Uint32Array.from(middles, (share) => table[(base + gain * Math.sqrt(Math.min(1, share))) | 0]);
  SHARE_COLORS.set(view, made);
  return made;
}

/** Colours of a view. Probabilities run from 0 to 1 and gradients from −1/N to 1/N, both with the square root of the
 * size, so that the scale stays put while the temperature moves and small shares stay visible.
 * @param {Matrix} matrix @param {Analysis} now @param {number} view @param {[number, number]} range of the cosine view @param {Uint32Array} pixels */
function paintPixels(matrix, now, view, [low, high], pixels) {
  const { values, rows, columns } = matrix,
    table = colorTable(VIEW_COLORS[view]),
    { weights } = now;
  const signed = view > 3,
    base = signed ? 128 : 0.5,
    gain = signed ? 127.4 : 255;
  if (!view) {
    const step = 255 / (high - low || 1);
    for (let at = 0; at < pixels.length; at++) pixels[at] = table[((values[at] - low) * step + 0.5) | 0];
  } else if (!now.shared) {
    for (let i = 0, at = 0; i < rows; i++)
      for (let j = 0; j < columns; j++, at++)
        pixels[at] =
          table[
            (base + gain * Math.sqrt(Math.abs(valueAt(matrix, now, view, i, j)) * (signed ? rows : 1))) | 0
          ];
  } else {
    const top = matrix.high * now.scale,
      part = view === 4 ? 0.5 : 1,
      pairwise = view === 3 || view === 5,
      lift = Math.exp(top + now.bias);
    const perColumn = now.columnLse.map((lse) => (view === 1 ? 0 : part * Math.exp(top - lse)));
    const shares = new Float32Array(columns),
      words = new Uint32Array(shares.buffer),
      colors = shareColors(view, base, gain);
    for (let i = 0, at = 0; i < rows; i++, at += columns) {
      const perRow = view === 2 ? 0 : part * Math.exp(top - now.rowLse[i]);
      if (pairwise)
        for (let j = 0; j < columns; j++) {
          const e = weights[at + j] * lift;
          shares[j] = e / (1 + e);
        }
      else for (let j = 0; j < columns; j++) shares[j] = weights[at + j] * (perRow + perColumn[j]);
      for (let j = 0; j < columns; j++) pixels[at + j] = colors[words[j] >>> 14];
    }
  }
  if (signed)
    for (let i = 0; i < rows; i++)
      pixels[i * columns + i] =
        table[(base - gain * Math.sqrt(Math.abs(valueAt(matrix, now, view, i, i)) * rows)) | 0];
}

/** @param {{ model: Model, el: HTMLElement }} view */
function render(view) {
  const { model } = view,
    frame = openFrame(view, { kind: "SimilarityMatrix", help: "Keys (?)" });
  const { requestDraw, color, font, listen, write, watch } = frame,
    get = model.get.bind(model);
  const sent = get("data"),
    whole = unpackFixed(sent.similarity),
    images = unpackFixed(sent.images),
    texts = unpackFixed(sent.texts);
  /** @type {[number, number]} */
  const [rows, columns] = get("size"),
    paired = rows === columns,
    steps = (whole ?? /** @type {NumberArray} */ (images)).shape[0];
  /** @type {string[]} */
  const captions = get("captions");
  const packed = get("thumbnails"),
    measure = get("measure");
  let thumbnailsReady = !packed.png;
  const thumbnails = packed.png
    ? openAtlas(packed, () => {
        thumbnailsReady = true;
        showRanking();
        requestDraw();
      })
    : null;

  const buffer = make("canvas", { width: String(columns), height: String(rows) });
  const bufferContext = /** @type {CanvasRenderingContext2D} */ (buffer.getContext("2d"));
  const bitmap = bufferContext.createImageData(columns, rows),
    pixels = new Uint32Array(bitmap.data.buffer);
  const rampContext = /** @type {CanvasRenderingContext2D} */ (
      make("canvas", { width: "256", height: "1" }).getContext("2d")
    ),
    ramp = rampContext.createImageData(256, 1);
  const weights = new Float64Array(rows * columns);
  /** @type {Map<number, Matrix>} */
  const cache = new Map();
  /** @type {Matrix | null} */
  let matrix = null;
  /** @type {Analysis | null} */
  let now = null;
  let computed = "",
    painted = "",
    progress = 0,
    job = 0,
    pending = 0;
  let kind = VIEWS.indexOf(get("view")),
    temperature = get("temperature"),
    bias = get("bias"),
    step = get("step");
  /** @type {Cell} */
  let cursor = { row: -1, column: -1 };
  const zoom = { row: 0, column: 0, rows, columns };
  // Where the matrix lies on the canvas, the size of its cells, and what labels there is room for.
  const at = { left: 0, top: 0, width: 1, height: 1, slant: 0, label: 0, thumb: 0, lanes: 1, every: 1 };
  /** @type {{ x: number, y: number, toX: number, toY: number } | null} */
  let drag = null;

  const name = (/** @type {number} */ column) => captions[column] ?? `text ${column}`;
  const symbol = () => VIEW_SYMBOLS[kind].replace("{measure}", measure);
  const pinnedRows = () => get("selected").filter((/** @type {number} */ i) => i < rows),
    pinnedTexts = () => get("selected_text").filter((/** @type {number} */ j) => j < columns);

  // Loading a step: the product runs in slices, so that the page never freezes.
  const load = () => {
    clearTimeout(job);
    matrix = cache.get(step) ?? null;
    computed = painted = "";
    if (matrix) return requestDraw();
    const values = new Float64Array(rows * columns),
      started = performance.now();
    let row = 0;
    if (whole) {
      values.set(whole.data.subarray(step * values.length, (step + 1) * values.length));
      row = rows;
    }
    const dim = images ? images.shape[2] : 0;
    const part = (/** @type {NumberArray | null} */ all, /** @type {number} */ count) =>
      Float64Array.from(all ? all.data.subarray(step * count * dim, (step + 1) * count * dim) : []);
    const left = part(images, rows),
      right = part(texts, columns);
    const work = () => {
      const until = performance.now() + 40;
      for (; row < rows && performance.now() < until; row += 2)
        multiplyRows(left, right, dim, row, values, columns);
      progress = row / rows;
      if (row < rows) {
        // What is ready at once needs no word about it.
        if (performance.now() - started > 250) {
          tiles.classList.add("sm-stale");
          requestDraw();
        }
        job = window.setTimeout(work);
        return;
      }
      if ((cache.size + 1) * values.length > 1.6e7) cache.clear();
      matrix = summarize(values, rows, columns);
      cache.set(step, matrix);
      frame.draw();
    };
    work();
  };
  frame.onClose(() => {
    clearTimeout(job);
    cancelAnimationFrame(pending);
  });

  /** Brings numbers and colours up to date, only what changed. */
  const compute = () => {
    if (!matrix) return;
    const wish = [temperature, bias, step].join(),
      look = kind ? `${kind},${wish}` : `0,${step}`;
    const fresh = !now || wish !== computed;
    if (fresh || !now) now = analyse(matrix, 1 / clamp(1e-4, temperature, 1e4), bias, weights);
    if (look !== painted) {
      paintPixels(matrix, now, kind, get("value_range"), pixels);
      bufferContext.putImageData(bitmap, 0, 0);
    }
    if (fresh || look !== painted) {
      showNumbers(matrix, now);
      showRanking();
      tell();
    }
    computed = wish;
    painted = look;
  };

  // Toolbar.
  const views = paired ? VIEWS.length : 4;
  const setView = (/** @type {number} */ next) => {
    kind = next;
    choose.value = VIEWS[kind];
    write("view", VIEWS[kind]);
    requestDraw();
  };
  const choose = frame.select(frame.toolbar, "view", VIEWS, VIEWS[kind], (value) =>
    setView(VIEWS.indexOf(value)),
  );
  if (!paired) for (const option of [...choose.options].slice(views)) option.disabled = true;
  /** The matrix of cosines stays as it is while temperature and bias move the numbers beside it. */
  const refresh = () => {
    if (kind) requestDraw();
    else
      pending ||= requestAnimationFrame(() => {
        pending = 0;
        compute();
      });
  };
  const setTemperature = (/** @type {number} */ value) => {
    temperature = value;
    write("temperature", value);
    refresh();
  };
  const heat = frame.slider(frame.toolbar, {
    label: "temperature τ",
    min: 0.005,
    max: 2,
    log: true,
    value: temperature,
    format: (value) => `${formatNumber(value)} · logit_scale ${formatNumber(1 / value)}`,
    changed: setTemperature,
  });
  const lean = frame.slider(frame.toolbar, {
    label: "bias",
    min: -20,
    max: 10,
    step: 0.1,
    value: bias,
    changed: (value) => {
      bias = value;
      write("bias", value);
      refresh();
    },
  });
  const scrub =
    steps > 1
      ? frame.scrubber(frame.toolbar, {
          label: "step",
          names: get("step_names"),
          value: step,
          changed: (index) => {
            step = index;
            write("step", index);
            load();
          },
        })
      : null;

  // The picture.
  /** @type {CanvasRenderingContext2D} */
  let pen;
  let unit = 1,
    wasFull = false;
  const label = (
    /** @type {string} */ text,
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {CanvasTextAlign} */ align,
    /** @type {string} */ ink,
    weight = "400",
    size = 11,
  ) => {
    pen.font = font(size, weight);
    pen.fillStyle = ink;
    pen.textAlign = align;
    pen.fillText(text, x, y);
  };
  const cut = (/** @type {string} */ text, /** @type {number} */ width) => {
    if (pen.measureText(text).width <= width) return text;
    while (text && pen.measureText(`${text}…`).width > width)
      text = text.slice(0, -Math.ceil(text.length / 12));
    return `${text}…`;
  };
  const xOf = (/** @type {number} */ column) => at.left + (column - zoom.column) * at.width,
    yOf = (/** @type {number} */ row) => at.top + (row - zoom.row) * at.height;

  /** Decides sizes; returns the height that the canvas should have. @param {number} width @param {number} tallest @param {boolean} full */
  const arrange = (width, tallest, full) => {
    // A first guess of the cells' size decides how the images stand; then the labels decide the cells.
    const most = full ? Infinity : 72 * unit,
      guess = Math.min((width - 130 * unit) / zoom.columns, (tallest - 100 * unit) / zoom.rows, most),
      needed = Math.ceil((19 * unit) / guess);
    const foot = 56 * unit,
      limit = paired ? 1 : 2.5;
    at.every = needed > 3 ? Math.ceil((30 * unit) / guess) : 1;
    at.lanes = needed > 3 ? 1 : needed;
    at.thumb = !thumbnails ? 0 : needed > 3 ? 26 * unit : needed > 1 ? guess * needed - 1 : guess - 2;
    at.left = (thumbnails ? 6 + at.lanes * (at.thumb + 2) : 0) + (thumbnails && needed < 4 ? 0 : 36 * unit);
    pen.font = font(12);
    const longest =
      zoom.columns > 60
        ? 0
        : Math.max(
            0,
            ...captions
              .slice(zoom.column, zoom.column + zoom.columns)
              .map((text) => pen.measureText(text).width + 4),
          );
    // Captions stand above the columns if that leaves cells wide enough for a line of them.
    for (const slant of longest ? [0.96, 0] : [0]) {
      at.slant = slant;
      at.label = slant && Math.min(170 * unit, 0.3 * tallest, longest);
      at.top = slant ? at.label * Math.sin(slant) + 16 * unit : 22 * unit;
      const room = width - at.left - Math.max(10, at.label * Math.cos(slant) - guess / 2),
        high = Math.min((tallest - at.top - foot) / zoom.rows, most);
      at.width = Math.min(room / zoom.columns, high * limit);
      at.height = Math.min(high, at.width * limit);
      if (at.width >= Math.max(12.5, 10 * unit)) break;
    }
    if (needed < 4) at.thumb = Math.min(at.thumb, at.height * needed - 1);
    if (full) at.left += Math.max(0, (width - at.left - at.width * zoom.columns - at.label * 0.6) / 2);
    return Math.round(at.top + at.height * zoom.rows + foot);
  };
  const paintMatrix = () => {
    const wide = at.width * zoom.columns,
      high = at.height * zoom.rows;
    pen.imageSmoothingEnabled = at.width * devicePixelRatio < 1;
    pen.globalAlpha = matrix ? 1 : 0.3;
    pen.drawImage(buffer, zoom.column, zoom.row, zoom.columns, zoom.rows, at.left, at.top, wide, high);
    pen.globalAlpha = pen.lineWidth = 1;
    pen.strokeStyle = color("line");
    pen.strokeRect(at.left - 0.5, at.top - 0.5, wide + 1, high + 1);
    if (!matrix || !now)
      return label(
        `Multiplying ${rows} × ${columns} embeddings … ${Math.round(progress * 100)} %`,
        at.left + wide / 2,
        at.top + high / 2,
        "center",
        color("ink"),
        "600",
        16,
      );
    pen.strokeStyle = "#ffffffb0";
    for (let i = zoom.row; i < zoom.row + zoom.rows; i++) {
      if (paired && at.width >= 6 && i >= zoom.column && i < zoom.column + zoom.columns)
        pen.strokeRect(xOf(i) + 1, yOf(i) + 1, at.width - 2, at.height - 2);
      if (at.width >= 44 * unit)
        for (let j = zoom.column; j < zoom.column + zoom.columns; j++) {
          const word = pixels[i * columns + j],
            light =
              0.2126 * (word & 255) ** 2.2 +
              0.7152 * ((word >> 8) & 255) ** 2.2 +
              0.0722 * ((word >> 16) & 255) ** 2.2,
            value = valueAt(matrix, now, kind, i, j);
          label(
            formatNumber(Number(value.toFixed(3))),
            xOf(j) + at.width / 2,
            yOf(i) + at.height / 2,
            "center",
            light > 0.179 * 255 ** 2.2 ? "#000" : "#fff",
          );
        }
    }
  };
  const paintImages = () => {
    const picked = new Set(pinnedRows()),
      { thumb, every } = at,
      gap = thumbnails ? every : Math.ceil((16 * unit) / at.height),
      bottom = at.top + at.height * zoom.rows,
      focus = color("focus"),
      muted = color("muted");
    for (let i = zoom.row; i < zoom.row + zoom.rows; i++) {
      const middle = yOf(i) + at.height / 2,
        nth = i - zoom.row;
      if (picked.has(i)) {
        pen.fillStyle = focus;
        pen.fillRect(at.left - 4, yOf(i), 3, Math.max(2, at.height));
      }
      if (nth % gap || middle + thumb / 2 > bottom + thumb) continue;
      const left = at.left - 2 - ((nth % at.lanes) + 1) * (thumb + 2);
      thumbnails?.draw(pen, i, left, middle - thumb / 2, thumb);
      if (!thumbnails || every > 1) label(String(i), at.left - 8 - thumb, middle, "right", muted);
      else if (i === cursor.row || picked.has(i)) {
        pen.strokeStyle = focus;
        pen.lineWidth = 2 * unit;
        pen.strokeRect(left, middle - thumb / 2, thumb, thumb);
      }
    }
  };
  const paintTexts = () => {
    const picked = new Set(pinnedTexts()),
      size = Math.min(12, (0.8 * at.width) / unit),
      gap = at.slant ? 1 : Math.ceil((34 * unit) / at.width),
      focus = color("focus"),
      ink = color("ink"),
      muted = color("muted");
    for (let j = zoom.column; j < zoom.column + zoom.columns; j++) {
      const active = j === cursor.column || picked.has(j),
        middle = xOf(j) + at.width / 2;
      if (picked.has(j)) {
        pen.fillStyle = focus;
        pen.fillRect(xOf(j), at.top - 4, Math.max(2, at.width), 3);
      }
      if ((j - zoom.column) % gap) continue;
      if (!at.slant) {
        label(String(j), middle, at.top - 9 * unit, "center", muted);
        continue;
      }
      pen.save();
      pen.translate(middle + 3, at.top - 6);
      pen.rotate(-at.slant);
      pen.font = font(size, active ? "700" : "400");
      label(cut(captions[j], at.label), 0, 0, "left", active ? focus : ink, active ? "700" : "400", size);
      pen.restore();
    }
  };
  const paintCross = () => {
    const box = (
      /** @type {number} */ x,
      /** @type {number} */ y,
      /** @type {number} */ wide,
      /** @type {number} */ high,
      /** @type {string} */ inner,
    ) => {
      pen.lineWidth = 1.5 * unit;
      pen.strokeStyle = "#000c";
      pen.strokeRect(x - 1, y - 1, wide + 2, high + 2);
      pen.strokeStyle = inner;
      pen.strokeRect(x, y, wide, high);
    };
    const { row, column } = cursor,
      onRow = row >= zoom.row && row < zoom.row + zoom.rows,
      onColumn = column >= zoom.column && column < zoom.column + zoom.columns;
    if (onRow) box(at.left, yOf(row), at.width * zoom.columns, at.height, "#fff9");
    if (onColumn) box(xOf(column), at.top, at.width, at.height * zoom.rows, "#fff9");
    if (onRow && onColumn) box(xOf(column), yOf(row), at.width, at.height, "#fff");
    if (drag) box(drag.x, drag.y, drag.toX - drag.x, drag.toY - drag.y, "#fff");
  };
  const paintBar = (/** @type {number} */ top, /** @type {number} */ wide) => {
    const [low, high] = get("value_range"),
      ink = color("ink"),
      { left } = at;
    new Uint32Array(ramp.data.buffer).set(colorTable(VIEW_COLORS[kind]));
    rampContext.putImageData(ramp, 0, 0);
    pen.drawImage(rampContext.canvas, left, top, wide, 9 * unit);
    /** @type {[number, number][]} place from 0 to 1, number */
    const ticks = !kind
      ? [0, 1, 2, 3, 4].map((k) => [k / 4, low + ((high - low) * k) / 4])
      : kind < 4
        ? [0, 0.01, 0.1, 0.3, 0.6, 1].map((share) => [Math.sqrt(share), share])
        : [-1, -0.3, -0.05, 0, 0.05, 0.3, 1].map((share) => [
            0.5 + (Math.sign(share) * Math.sqrt(Math.abs(share))) / 2,
            share / rows,
          ]);
    for (const [place, value] of ticks)
      label(
        formatNumber(value, kind > 3 ? 3 : 2),
        left + wide * place,
        top + 18 * unit,
        place ? (place < 1 ? "center" : "right") : "left",
        ink,
      );
    label(symbol(), left, top + 34 * unit, "left", ink, "600", 12);
  };
  const main = frame.surface(
      frame.stage,
      `${rows} images by ${columns} texts: arrows move the cell, Enter pins`,
      ({ canvas, context, width, height }) => {
        compute();
        pen = context;
        unit = frame.scale();
        const full = frame.root.dataset.full === "true",
          above = full
            ? canvas.getBoundingClientRect().top -
              frame.root.getBoundingClientRect().top +
              frame.root.scrollTop
            : 0;
        if (full !== wasFull) {
          wasFull = full;
          showRanking();
        }
        const wanted = arrange(
          width,
          full ? Math.max(260, window.innerHeight - above - 62 * unit) : 620,
          full,
        );
        // Once only: where the page's own style rules the height, it stays.
        if (Math.abs(wanted - height) > 1 && canvas.style.height !== `${wanted}px`) {
          canvas.style.height = `${wanted}px`;
          return true;
        }
        pen.textBaseline = "middle";
        for (const part of [paintMatrix, paintImages, paintTexts, paintCross]) part();
        paintBar(at.top + at.height * zoom.rows + 14 * unit, Math.max(at.width * zoom.columns, 220 * unit));
        // Where the cells are, for tests.
        canvas.dataset.cells = [
          at.left,
          at.top,
          at.width,
          at.height,
          zoom.row,
          zoom.column,
          zoom.rows,
          zoom.columns,
        ].join();
        if (matrix && thumbnailsReady) frame.ready();
      },
      { tabindex: "0", role: "application", class: "vk-canvas sm-main" },
    ),
    { canvas } = main;

  // Beside it: the losses, and one row's or column's distribution.
  const tiles = make("div", { class: "sm-tiles" }),
    ranking = make("div", { class: "sm-ranking" });
  frame.stage.append(make("div", { class: "sm-side" }, tiles, ranking));
  const figures = ["InfoNCE loss", "sigmoid loss", "image → text accuracy", "text → image accuracy"].map(
    (title) => {
      const value = make("b"),
        note = make("small");
      tiles.append(make("div", {}, make("span", {}, title), value, note));
      return { value, note };
    },
  );
  const showNumbers = (
    /** @type {Matrix} */ { imageHits, textHits },
    /** @type {Analysis} */ { infonce, sigmoid },
  ) => {
    /** @type {[number, string][]} */
    const parts = [
      [infonce, `chance log N = ${formatNumber(Math.log(rows))}`],
      [sigmoid, "sum over pairs / N"],
      [imageHits / rows, `${imageHits} of ${rows} images`],
      [textHits / columns, `${textHits} of ${columns} texts`],
    ];
    tiles.classList.remove("sm-stale");
    parts.forEach(([number, text], k) => {
      const { value, note } = figures[k];
      value.dataset.value = String(paired ? number : NaN);
      value.textContent = paired ? formatNumber(number, 4) : "—";
      note.textContent = paired ? text : "needs one text per image";
    });
  };

  /** What the panel describes: what is pinned, else what is under the cursor. */
  const subject = () => {
    const row = pinnedRows().at(-1),
      column = pinnedTexts().at(-1),
      pinned = (row ?? column) !== undefined;
    const down = pinned ? row === undefined : cursor.column >= 0 && (kind === 2 || cursor.row < 0);
    return { down, pinned, index: Math.max(0, pinned ? (row ?? column) : down ? cursor.column : cursor.row) };
  };
  let listed = "",
    places = /** @type {{ li: HTMLElement, value: HTMLElement, bar: HTMLElement }[]} */ ([]);
  const showRanking = () => {
    if (!matrix || !now) return;
    const { down, pinned, index } = subject(),
      count = down ? rows : columns,
      m = matrix,
      a = now;
    const all = (/** @type {number} */ what) =>
      Array.from({ length: count }, (_, k) =>
        down ? valueAt(m, a, what, k, index) : valueAt(m, a, what, index, k),
      );
    const scores = all(kind),
      plain = all(0),
      own = paired ? plain[index] : Infinity;
    const most = frame.root.dataset.full === "true" ? 7 : 10;
    const sorted = (/** @type {number[]} */ by) => [...by.keys()].sort((p, q) => by[q] - by[p] || p - q);
    const shown = sorted(kind > 3 ? scores.map(Math.abs) : scores).slice(0, most),
      bound = Math.max(...shown.map((k) => Math.abs(scores[k])), 1e-300);
    // A hard negative scores at least as high as the right one, or is one of the two closest below it.
    const rivals = paired ? sorted(plain).filter((k) => k !== index) : [],
      above = rivals.filter((k) => plain[k] >= own).length,
      hard = rivals.slice(0, Math.max(2, above));
    if (paired && !shown.includes(index)) shown[most - 1] = index;
    const title = (/** @type {boolean} */ text, /** @type {number} */ k) => (text ? name(k) : `image ${k}`);
    // A slider moves the numbers far more often than the order: then the elements stay.
    const order = [down, pinned, index, symbol(), frame.scale(), thumbnailsReady, shown, hard, above].join();
    if (order !== listed) {
      listed = order;
      places = shown.map((k) => {
        const right = paired && k === index,
          mark = right ? "✓ correct" : hard.includes(k) ? "hard negative" : "",
          value = make("b"),
          bar = make("i");
        const li = make(
          "li",
          { class: right ? "sm-right" : mark && "sm-hard", "data-index": String(k) },
          down ? stamp(k, 26) : "",
          make(
            "div",
            { class: "sm-what" },
            make("span", { title: title(!down, k) }, title(!down, k)),
            make("em", {}, mark),
            value,
            make("div", { class: "sm-track" }, bar),
          ),
        );
        return { li, value, bar };
      });
      ranking.replaceChildren(
        make(
          "div",
          { class: "sm-head" },
          down ? "" : stamp(index, 44),
          make(
            "div",
            {},
            make("div", { class: "vk-strong" }, title(down || (paired && captions.length > 0), index)),
            make(
              "div",
              { class: "vk-small" },
              `${down ? "text" : "image"} ${index}${pinned ? ", pinned" : ""} · ${symbol()}`,
            ),
          ),
        ),
        make("ol", { class: "sm-list", "aria-label": `${symbol()}, sorted` }, ...places.map(({ li }) => li)),
      );
      if (paired)
        ranking.append(
          make(
            "div",
            { class: "vk-small" },
            `${above ? `${above} hard negative${above > 1 ? "s" : ""} at or above the right one` : "The right one scores highest"}; rank ${above + 1} of ${count}.`,
          ),
        );
    }
    places.forEach(({ li, value, bar }, n) => {
      const score = scores[shown[n]];
      li.dataset.value = String(score);
      value.textContent = formatNumber(score);
      bar.style.transform = `scaleX(${Math.abs(score) / bound})`;
    });
  };
  /** A thumbnail as an element. @param {number} index @param {number} wide */
  const stamp = (index, wide) => {
    if (!thumbnails) return "";
    const size = wide * frame.scale(),
      sharp = String(size * (devicePixelRatio || 1)),
      element = make("canvas", { width: sharp, height: sharp, style: `width:${size}px;height:${size}px` });
    thumbnails.draw(
      /** @type {CanvasRenderingContext2D} */ (element.getContext("2d")),
      index,
      0,
      0,
      Number(sharp),
    );
    return element;
  };

  // The cursor.
  /** The cell's name and numbers. */
  const cellLines = () => {
    const { row, column } = cursor,
      lines = [column < 0 ? (row < 0 ? `${rows} images × ${columns} texts` : `image ${row}`) : name(column)];
    if (matrix && now && row >= 0 && column >= 0) {
      lines.push(
        `image ${row} × text ${column}${paired && row === column ? ", a pair" : ""}`,
        `${measure} ${formatNumber(valueAt(matrix, now, 0, row, column))}`,
      );
      if (kind) lines.push(`${symbol()} ${formatNumber(valueAt(matrix, now, kind, row, column))}`);
    }
    return lines;
  };
  const tell = () => frame.say(cellLines().join(" · "));
  /** @param {Cell} next @param {boolean} [own] whether it was moved here rather than from outside */
  const move = (next, own = true) => {
    if (next.row === cursor.row && next.column === cursor.column) return;
    const before = JSON.stringify(subject());
    cursor = next;
    if (own) {
      write("hovered", next.row);
      write("hovered_text", next.column);
    }
    if (before !== JSON.stringify(subject())) showRanking();
    tell();
    requestDraw();
  };
  const hint = (/** @type {{ clientX: number, clientY: number }} */ place) => {
    const { row, column } = cursor;
    frame.tooltip(
      row < 0 && column < 0 ? null : cellLines(),
      place,
      thumbnails && row >= 0 ? (context, size) => thumbnails.draw(context, row, 0, 0, size) : null,
      canvas.getBoundingClientRect().right,
    );
  };
  /** @param {PointerEvent | WheelEvent} event @returns {[number, number]} */
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  /** @param {PointerEvent | WheelEvent} event @returns {Cell} */
  const locate = (event) => {
    const [x, y] = spot(event),
      shift = at.slant && y < at.top ? (at.top - y) / Math.tan(at.slant) : 0;
    const row = Math.floor((y - at.top) / at.height),
      column = Math.floor((x - shift - at.left) / at.width);
    if (row >= zoom.rows || column >= zoom.columns || (row < 0 && column < 0)) return { row: -1, column: -1 };
    return { row: row < 0 ? -1 : row + zoom.row, column: column < 0 ? -1 : column + zoom.column };
  };
  /** @param {boolean} [down] the column rather than the row */
  const pin = (down = cursor.row < 0 || (kind === 2 && cursor.column >= 0)) => {
    const index = down ? cursor.column : cursor.row,
      [mine, other] = down ? ["selected_text", "selected"] : ["selected", "selected_text"],
      pinned = get(mine);
    if (index < 0) return;
    write(other, []);
    write(mine, pinned.length === 1 && pinned[0] === index ? [] : [index]);
    showRanking();
    requestDraw();
  };
  /** @param {number} row @param {number} column @param {number} tall @param {number} wide */
  const setZoom = (row, column, tall, wide) => {
    zoom.rows = clamp(Math.min(4, rows), Math.round(tall), rows);
    zoom.columns = clamp(Math.min(4, columns), Math.round(wide), columns);
    if (paired) zoom.rows = zoom.columns = Math.max(zoom.rows, zoom.columns);
    zoom.row = clamp(0, Math.round(row), rows - zoom.rows);
    zoom.column = clamp(0, Math.round(column), columns - zoom.columns);
    requestDraw();
  };
  /** @param {number} factor @param {Cell} around */
  const zoomBy = (factor, { row, column }) => {
    const resize = (/** @type {number} */ count) =>
      factor < 1 ? Math.min(count - 1, count * factor) : Math.max(count + 1, count * factor);
    const tall = resize(zoom.rows),
      wide = resize(zoom.columns),
      r = Math.max(row, 0),
      c = Math.max(column, 0);
    setZoom(
      r - ((r - zoom.row) * tall) / zoom.rows,
      c - ((c - zoom.column) * wide) / zoom.columns,
      tall,
      wide,
    );
  };
  const wholeMatrix = () => setZoom(0, 0, rows, columns);

  listen(canvas, "pointermove", (/** @type {PointerEvent} */ event) => {
    if (drag) {
      [drag.toX, drag.toY] = spot(event);
      frame.tooltip(null);
      return requestDraw();
    }
    move(locate(event));
    hint(event);
  });
  listen(canvas, "pointerleave", (/** @type {PointerEvent} */ event) => {
    if (!drag) {
      move({ row: -1, column: -1 });
      hint(event);
    }
  });
  listen(canvas, "pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button) return;
    const [x, y] = spot(event);
    move(locate(event));
    drag = { x, y, toX: x, toY: y };
    canvas.setPointerCapture(event.pointerId);
  });
  listen(canvas, "pointerup", (/** @type {PointerEvent} */ _event) => {
    const from = drag;
    drag = null;
    if (!from) return;
    if (Math.hypot(from.toX - from.x, from.toY - from.y) < 8) return pin();
    const ends = (
      /** @type {number} */ p,
      /** @type {number} */ q,
      /** @type {number} */ size,
      /** @type {number} */ first,
    ) => {
      const from = Math.floor(first + Math.min(p, q) / size);
      return [from, Math.ceil(first + Math.max(p, q) / size) - from];
    };
    const [row, tall] = ends(from.y - at.top, from.toY - at.top, at.height, zoom.row),
      [column, wide] = ends(from.x - at.left, from.toX - at.left, at.width, zoom.column);
    setZoom(row, column, tall, wide);
  });
  listen(canvas, "pointercancel", () => {
    drag = null;
    requestDraw();
  });
  listen(canvas, "dblclick", wholeMatrix);
  // A plain wheel scrolls the notebook until the matrix has the focus; a pinch always zooms.
  listen(
    canvas,
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      const out = event.deltaY > 0;
      if (
        (!event.ctrlKey && document.activeElement !== canvas) ||
        (out && zoom.rows === rows && zoom.columns === columns)
      )
        return;
      event.preventDefault();
      zoomBy(out ? 1.25 : 0.8, locate(event));
    },
    { passive: false },
  );

  /** Moves the cell by keyboard and keeps it in sight. @param {number} row @param {number} column */
  const go = (row, column) => {
    const next = { row: clamp(0, row, rows - 1), column: clamp(0, column, columns - 1) };
    setZoom(
      clamp(next.row - zoom.rows + 1, zoom.row, next.row),
      clamp(next.column - zoom.columns + 1, zoom.column, next.column),
      zoom.rows,
      zoom.columns,
    );
    move(next);
    // The line below says it; a tooltip would cover the cells around.
    frame.tooltip(null);
  };
  /** @type {Record<string, [number, number]>} */
  const moves = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -columns],
    End: [0, columns],
  };
  const walk = (/** @type {KeyboardEvent} */ { key }) => {
    const { row, column } = cursor,
      [down, right] = row < 0 || column < 0 ? [0, 0] : moves[key];
    go(row + down, column + right);
  };
  frame.addKeys(
    { name: "move the cell", keys: "ArrowUp / ArrowDown / ArrowLeft / ArrowRight", run: walk },
    { name: "first or last text", keys: "Home / End", run: walk },
    { name: "pin or release the row", keys: "Enter", run: () => pin() },
    { name: "pin or release the column", keys: "c", run: () => pin(true) },
    { name: "next view", keys: "v / PageDown", run: () => setView((kind + 1) % views) },
    { name: "view before", keys: "V / PageUp", run: () => setView((kind + views - 1) % views) },
    {
      name: "lower or raise the temperature",
      keys: "[ / ]",
      run: ({ key }) => {
        heat.set(temperature * (key === "[" ? 1 / 1.1 : 1.1));
        setTemperature(heat.value());
      },
    },
    { name: "zoom", keys: "+ / = / -", run: ({ key }) => zoomBy(key === "-" ? 1.5 : 1 / 1.5, cursor) },
    { name: "whole matrix", keys: "0", run: wholeMatrix },
  );

  // What Python or a linked widget sets.
  watch("view", (value) => {
    kind = VIEWS.indexOf(value);
    choose.value = value;
    requestDraw();
  });
  watch("temperature", (value) => {
    temperature = value;
    heat.set(value);
    refresh();
  });
  watch("bias", (value) => {
    bias = value;
    lean.set(value);
    refresh();
  });
  watch("step", (value) => {
    step = clamp(0, value, steps - 1);
    scrub?.set(step);
    load();
  });
  watch("hovered", (row) => move({ ...cursor, row: row < rows ? row : -1 }, false));
  watch("hovered_text", (column) => move({ ...cursor, column: column < columns ? column : -1 }, false));
  for (const trait of ["selected", "selected_text"])
    watch(trait, () => {
      showRanking();
      requestDraw();
    });

  load();
  return frame.close;
}

export { analyse, fastExp, multiplyRows, paintPixels, render, summarize, VIEWS, valueAt };
