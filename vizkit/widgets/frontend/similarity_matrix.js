// @ts-check
// SimilarityMatrix in the browser: every number that a slider changes is computed here, in double precision.

/** @typedef {{ values: Float64Array, rows: number, columns: number, low: number, high: number, rowTop: Float64Array, columnTop: Float64Array,
 *   imageHits: number, textHits: number }} Matrix what does not depend on the temperature */
/** @typedef {{ scale: number, bias: number, shared: boolean, weights: Float64Array, rowLse: Float64Array, columnLse: Float64Array,
 *   infonce: number, sigmoid: number }} Analysis what does; `weights` is exp(scale · (value − high)) where `shared` */
/** @typedef {{ row: number, column: number }} Cell -1 stands for none */

const VIEWS = ["cosine", "softmax over texts", "softmax over images", "sigmoid", "gradient of InfoNCE", "gradient of sigmoid"];
const VIEW_SYMBOLS = ["cosine", "P(text | image)", "P(image | text)", "P(pair) = σ(cosine / τ + bias)", "∂ InfoNCE / ∂ logit", "∂ sigmoid loss / ∂ logit"];
const VIEW_COLORS = ["viridis", "magma", "magma", "magma", "diverging", "diverging"];

const EXP_PARTS = Float64Array.from({ length: 256 }, (_, k) => 2 ** (k / 256));
const EXP_POWERS = Float64Array.from({ length: 1024 }, (_, k) => 2 ** (k - 1023));

/** exp for −700 ≤ x ≤ 0 with a relative error below 1e-12, about four times as fast as Math.exp.
 * @param {number} x */
function fastExp(x) {
  const k = (x * 369.3299304675746 - 0.5) | 0; // 256 / ln 2
  const r = x - k * 0.0027076061740622863;
  return EXP_PARTS[k & 255] * EXP_POWERS[(k >> 8) + 1023] * (1 + r * (1 + r * (0.5 + r * 0.16666666666666666)));
}

/** Writes one row of images @ texts.T. @param {Float64Array} images @param {Float64Array} texts @param {number} dim @param {number} row @param {Float64Array} out @param {number} columns */
function multiplyRow(images, texts, dim, row, out, columns) {
  const from = row * dim, last = columns - 1;
  for (let j = 0; j < columns; j += 4) {
    // Past the end the last column is computed again, which costs less than a second loop.
    const j1 = Math.min(j + 1, last), j2 = Math.min(j + 2, last), j3 = Math.min(j + 3, last);
    const t0 = j * dim, t1 = j1 * dim, t2 = j2 * dim, t3 = j3 * dim;
    let a = 0, b = 0, c = 0, d = 0;
    for (let k = 0; k < dim; k++) {
      const x = images[from + k];
      a += x * texts[t0 + k]; b += x * texts[t1 + k]; c += x * texts[t2 + k]; d += x * texts[t3 + k];
    }
    const at = row * columns;
    out[at + j] = a; out[at + j1] = b; out[at + j2] = c; out[at + j3] = d;
  }
}

/** Range, maxima and hits of a matrix; the first of equal maxima wins, as in torch.argmax on one thread.
 * @param {Float64Array} values @param {number} rows @param {number} columns @returns {Matrix} */
function summarize(values, rows, columns) {
  const rowTop = new Float64Array(rows).fill(-Infinity), columnTop = new Float64Array(columns).fill(-Infinity);
  const rowBest = new Int32Array(rows), columnBest = new Int32Array(columns);
  let low = Infinity, high = -Infinity, imageHits = 0, textHits = 0;
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) {
    const value = values[at];
    if (value < low) low = value;
    if (value > rowTop[i]) { rowTop[i] = value; rowBest[i] = j; }
    if (value > columnTop[j]) { columnTop[j] = value; columnBest[j] = i; }
  }
  for (let i = 0; i < rows; i++) { if (rowTop[i] > high) high = rowTop[i]; if (rowBest[i] === i) imageHits++; }
  for (let j = 0; j < columns; j++) if (columnBest[j] === j) textHits++;
  return { values, rows, columns, low, high, rowTop, columnTop, imageHits, textHits };
}

/** Both losses and what the views need, with one exponential per cell where its range allows.
 * @param {Matrix} matrix @param {number} scale 1 / temperature @param {number} bias @param {Float64Array} weights room for one number per cell @returns {Analysis} */
function analyse(matrix, scale, bias, weights) {
  const { values, rows, columns, low, high, rowTop, columnTop } = matrix, top = high * scale;
  const rowLse = new Float64Array(rows), columnLse = new Float64Array(columns);
  const shared = top - low * scale < 600 && top + bias < 230;
  let pairs = 0, infonce = NaN, sigmoid = NaN;
  if (shared) {
    // Σ log(1 + e) as the logarithm of products: a logarithm per cell would cost more than all the rest.
    const lift = Math.exp(top + bias);
    let product = 1;
    for (let i = 0, at = 0; i < rows; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++, at++) {
        const e = fastExp((values[at] - high) * scale);
        weights[at] = e;
        sum += e;
        columnLse[j] += e;
        product *= 1 + e * lift;
        if (product > 1e200) { pairs += Math.log(product); product = 1; }
      }
      rowLse[i] = top + Math.log(sum);
    }
    pairs += Math.log(product);
    for (let j = 0; j < columns; j++) columnLse[j] = top + Math.log(columnLse[j]);
  } else {
    for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) {
      const logit = values[at] * scale, x = logit + bias;
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
  const value = values[i * columns + j], logit = value * now.scale, own = i === j ? 1 : 0;
  if (!view) return value;
  if (view === 1) return Math.exp(logit - now.rowLse[i]);
  if (view === 2) return Math.exp(logit - now.columnLse[j]);
  if (view === 4) return ((Math.exp(logit - now.rowLse[i]) + Math.exp(logit - now.columnLse[j])) / 2 - own) / rows;
  const pair = 1 / (1 + Math.exp(-logit - now.bias));
  return view === 3 ? pair : (pair - own) / rows;
}

/** Colours of a view. Probabilities run from 0 to 1 and gradients from −1/N to 1/N, both with the square root of the
 * size, so that the scale stays put while the temperature moves and small shares stay visible.
 * @param {Matrix} matrix @param {Analysis} now @param {number} view @param {[number, number]} range of the cosine view @param {Uint32Array} pixels */
function paintPixels(matrix, now, view, [low, high], pixels) {
  const { values, rows, columns } = matrix, table = colorTable(VIEW_COLORS[view]), { weights } = now;
  const signed = view > 3, base = signed ? 128 : 0.5, gain = signed ? 127.4 : 255;
  if (!view) {
    const step = 255 / (high - low || 1);
    for (let at = 0; at < pixels.length; at++) pixels[at] = table[((values[at] - low) * step + 0.5) | 0];
  } else if (!now.shared) {
    for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) pixels[at] = table[(base + gain * Math.sqrt(Math.abs(valueAt(matrix, now, view, i, j)) * (signed ? rows : 1))) | 0];
  } else if (view === 3 || view === 5) {
    const lift = Math.exp(matrix.high * now.scale + now.bias);
    for (let at = 0; at < pixels.length; at++) { const e = weights[at] * lift; pixels[at] = table[(base + gain * Math.sqrt(e / (1 + e))) | 0]; }
  } else {
    const top = matrix.high * now.scale, part = view === 4 ? 0.5 : 1;
    const perColumn = now.columnLse.map((lse) => (view === 1 ? 0 : part * Math.exp(top - lse)));
    for (let i = 0, at = 0; i < rows; i++) {
      const perRow = view === 2 ? 0 : part * Math.exp(top - now.rowLse[i]);
      for (let j = 0; j < columns; j++, at++) pixels[at] = table[(base + gain * Math.sqrt(weights[at] * (perRow + perColumn[j]))) | 0];
    }
  }
  if (signed) for (let i = 0; i < rows; i++) pixels[i * columns + i] = table[(base - gain * Math.sqrt(Math.abs(valueAt(matrix, now, view, i, i)) * rows)) | 0];
}

/** @param {number} value @param {number} size of the longest run of digits */
function ordinal(value, size) { return `${value} of ${size}`; }

/** @param {{ model: Model, el: HTMLElement }} view */
function render(view) {
  const { model } = view;
  const frame = openFrame(view, { kind: "SimilarityMatrix", help: "Keys (?)" });
  const { similarity: sentMatrix, images: sentImages, texts: sentTexts } = model.get("data");
  const whole = unpack(sentMatrix), images = unpack(sentImages), texts = unpack(sentTexts);
  const steps = (whole ?? /** @type {NumberArray} */ (images)).shape[0], rows = model.get("size")[0], columns = model.get("size")[1], paired = rows === columns;
  /** @type {string[]} */
  const captions = model.get("captions"), stepNames = model.get("step_names");
  const packed = model.get("thumbnails");
  let thumbnailsReady = !packed.png;
  const thumbnails = packed.png ? openAtlas(packed, () => { thumbnailsReady = true; frame.ask(); }) : null;
  const measure = model.get("measure");

  const buffer = make("canvas", { width: String(columns), height: String(rows) });
  const bufferContext = /** @type {CanvasRenderingContext2D} */ (buffer.getContext("2d"));
  const picture = bufferContext.createImageData(columns, rows), pixels = new Uint32Array(picture.data.buffer);
  const weights = new Float64Array(rows * columns);
  /** @type {Map<number, Matrix>} */
  const cache = new Map();
  /** @type {Matrix | null} */
  let matrix = null;
  /** @type {Analysis | null} */
  let now = null;
  let painted = "", progress = 0, job = 0;
  let kind = Math.max(0, VIEWS.indexOf(model.get("view"))), temperature = model.get("temperature"), bias = model.get("bias"), step = clamp(0, model.get("step"), steps - 1);
  /** @type {Cell} */
  let cursor = { row: -1, column: -1 };
  const zoom = { row: 0, column: 0, rows, columns };
  const at = { left: 0, top: 0, width: 1, height: 1, slant: 0 };
  /** @type {{ x: number, y: number, toX: number, toY: number } | null} */
  let drag = null;

  const name = (/** @type {number} */ column) => captions[column] ?? `text ${column}`;
  const inRows = (/** @type {any} */ list) => list.filter((/** @type {number} */ i) => i >= 0 && i < rows);
  const symbol = () => VIEW_SYMBOLS[kind].replace("cosine", measure);

  // Loading a step: the product runs in slices, so that the page never freezes.
  const load = () => {
    clearTimeout(job);
    matrix = cache.get(step) ?? null;
    painted = "";
    if (matrix) return frame.ask();
    const values = new Float64Array(rows * columns);
    let row = 0;
    if (whole) { values.set(whole.data.subarray(step * values.length, (step + 1) * values.length)); row = rows; }
    const dim = images ? images.shape[2] : 0;
    const part = (/** @type {NumberArray | null} */ all, /** @type {number} */ count) => Float64Array.from(all ? all.data.subarray(step * count * dim, (step + 1) * count * dim) : []);
    const left = part(images, rows), right = part(texts, columns);
    const work = () => {
      const until = performance.now() + 14;
      while (row < rows && performance.now() < until) multiplyRow(left, right, dim, row++, values, columns);
      progress = row / rows;
      frame.ask();
      if (row < rows) { job = window.setTimeout(work); return; }
      if ((cache.size + 1) * values.length > 1.6e7) cache.clear();
      matrix = summarize(values, rows, columns);
      cache.set(step, matrix);
    };
    work();
  };
  frame.onClose(() => clearTimeout(job));

  const compute = () => {
    if (!matrix) return;
    const wish = [temperature, bias, step].join(), look = kind ? `${kind},${wish}` : `0,${step}`;
    if (!now || wish !== painted.split(" ")[0]) now = analyse(matrix, 1 / clamp(1e-4, temperature, 1e4), bias, weights);
    if (painted.split(" ")[1] !== look) { paintPixels(matrix, now, kind, model.get("value_range"), pixels); bufferContext.putImageData(picture, 0, 0); }
    if (painted !== `${wish} ${look}`) { painted = `${wish} ${look}`; showNumbers(); showRanking(); tell(); }
  };

  // Toolbar.
  const setView = (/** @type {number} */ next) => { kind = next; choose.value = VIEWS[kind]; frame.write("view", VIEWS[kind]); frame.ask(); };
  const choose = frame.select(frame.toolbar, "view", VIEWS, VIEWS[kind], (value) => setView(VIEWS.indexOf(value)));
  if (!paired) for (const option of [...choose.options].slice(4)) option.disabled = true;
  const heat = frame.slider(frame.toolbar, { label: "temperature τ", min: 0.005, max: 2, log: true, value: temperature, format: (value) => `${formatNumber(value)} · logit_scale ${formatNumber(1 / value)}`, changed: (value) => { temperature = value; frame.write("temperature", value); frame.ask(); } });
  const lean = frame.slider(frame.toolbar, { label: "bias", min: -20, max: 10, step: 0.1, value: bias, format: (value) => formatNumber(value), changed: (value) => { bias = value; frame.write("bias", value); frame.ask(); } });
  const goStep = (/** @type {number} */ index) => { step = index; frame.write("step", index); load(); };
  const scrub = steps > 1 ? frame.scrubber(frame.toolbar, { label: "step", names: stepNames, value: step, changed: goStep }) : null;

  // The picture.
  const paint = (/** @type {Surface} */ { canvas, context, width, height }) => {
    compute();
    const unit = frame.scale(), ink = frame.color("ink"), muted = frame.color("muted"), small = 11 * unit;
    const full = frame.root.dataset.full === "true";
    const tallest = full ? Math.max(260, window.innerHeight - canvas.getBoundingClientRect().top - frame.root.scrollTop - 62 * unit) : 620;
    // First guess of a cell's size decides which labels there is room for; then the labels decide the rest.
    const guess = Math.min((width - 130 * unit) / zoom.columns, (tallest - 100 * unit) / zoom.rows, 72 * unit), least = 19 * unit;
    const lanes = guess >= least ? 1 : Math.ceil(least / guess), every = lanes > 3 ? Math.ceil((30 * unit) / guess) : 1;
    const thumb = !thumbnails ? 0 : lanes === 1 ? guess - 2 : every > 1 ? 26 * unit : guess * lanes - 1;
    const left = thumb ? (every > 1 ? 36 * unit : 6) + (every > 1 ? 1 : lanes) * (thumb + 2) : 36 * unit;
    context.font = frame.font(12);
    const slant = captions.length && guess >= 15 * unit ? 0.96 : 0;
    const longest = slant ? Math.min(170 * unit, Math.max(...captions.slice(zoom.column, zoom.column + zoom.columns).map((text) => context.measureText(text).width)) + 4) : 0;
    const top = slant ? longest * Math.sin(slant) + 16 * unit : 22 * unit;
    const foot = 56 * unit, limit = paired ? 1 : 2.5, room = width - left - Math.max(10, longest * Math.cos(slant) - guess / 2);
    let cellWidth = Math.min(room / zoom.columns, 72 * unit * limit), cellHeight = Math.min((tallest - top - foot) / zoom.rows, 72 * unit);
    cellWidth = Math.min(cellWidth, cellHeight * limit);
    cellHeight = Math.min(cellHeight, cellWidth * limit);
    Object.assign(at, { left, top, width: cellWidth, height: cellHeight, slant });
    const wide = cellWidth * zoom.columns, high = cellHeight * zoom.rows, wanted = Math.round(top + high + foot);
    if (Math.abs(wanted - height) > 1) { canvas.style.height = `${wanted}px`; frame.ask(); }

    const x = (/** @type {number} */ column) => left + (column - zoom.column) * cellWidth, y = (/** @type {number} */ row) => top + (row - zoom.row) * cellHeight;
    context.imageSmoothingEnabled = cellWidth * devicePixelRatio < 1;
    context.globalAlpha = matrix ? 1 : 0.3;
    context.drawImage(buffer, zoom.column, zoom.row, zoom.columns, zoom.rows, left, top, wide, high);
    context.globalAlpha = 1;
    context.strokeStyle = frame.color("line");
    context.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
    context.textBaseline = "middle";
    if (!matrix) {
      context.fillStyle = ink;
      context.font = frame.font(16, "600");
      context.textAlign = "center";
      context.fillText(`Multiplying ${rows} × ${columns} embeddings … ${Math.round(progress * 100)} %`, left + wide / 2, top + high / 2);
    }
    const lastRow = zoom.row + zoom.rows, lastColumn = zoom.column + zoom.columns;
    // Each cell's number, where it fits.
    if (matrix && now && cellWidth >= 40 * unit && cellHeight >= 18 * unit) {
      context.font = frame.font(11);
      context.textAlign = "center";
      for (let i = zoom.row; i < lastRow; i++) for (let j = zoom.column; j < lastColumn; j++) {
        const word = pixels[i * columns + j], light = 0.3 * (word & 255) + 0.59 * ((word >> 8) & 255) + 0.11 * ((word >> 16) & 255);
        context.fillStyle = light > 120 ? "#000" : "#fff";
        const value = valueAt(matrix, now, kind, i, j);
        context.fillText(formatNumber(Number(value.toFixed(Math.abs(value) < 0.1 ? 3 : 2))), x(j) + cellWidth / 2, y(i) + cellHeight / 2);
      }
    }
    // The matching pairs: outlined, or marked at the corners when the cells are too small.
    if (paired) {
      context.lineWidth = 1;
      for (let i = Math.max(zoom.row, zoom.column); i < Math.min(lastRow, lastColumn); i++) if (cellWidth >= 6) {
        context.strokeStyle = "#ffffffb0";
        context.strokeRect(x(i) + 1, y(i) + 1, cellWidth - 2, cellHeight - 2);
      }
    }
    // Images on the left.
    const picked = new Set(inRows(model.get("selected"))), pickedTexts = new Set(model.get("selected_text"));
    for (let i = zoom.row; i < lastRow; i++) {
      const middle = y(i) + cellHeight / 2, active = i === cursor.row || picked.has(i);
      const lane = every > 1 ? 0 : (i - zoom.row) % lanes, shown = every > 1 ? (i - zoom.row) % every === 0 && middle + thumb / 2 < top + high + 8 : true;
      if (thumbnails && shown) {
        const size = thumb, from = left - 4 - (lane + 1) * (size + 2) + 2;
        thumbnails.draw(context, i, from, middle - size / 2, size);
        if (active && every === 1) { context.strokeStyle = frame.color("focus"); context.lineWidth = 2 * unit; context.strokeRect(from, middle - size / 2, size, size); }
      }
      const gap = Math.ceil((16 * unit) / cellHeight);
      if ((!thumbnails && (i - zoom.row) % gap === 0) || (every > 1 && shown)) {
        context.font = frame.font(11);
        context.fillStyle = muted;
        context.textAlign = "right";
        context.fillText(String(i), left - 8 - (thumb ? thumb : 0), middle);
      }
      if (picked.has(i)) { context.fillStyle = frame.color("focus"); context.fillRect(left - 4, y(i), 3, Math.max(2, cellHeight)); }
    }
    // Texts along the top.
    const gap = Math.ceil((34 * unit) / cellWidth);
    for (let j = zoom.column; j < lastColumn; j++) {
      const active = j === cursor.column || pickedTexts.has(j), middle = x(j) + cellWidth / 2;
      context.fillStyle = active ? frame.color("focus") : ink;
      context.font = frame.font(12, active ? "700" : "400");
      if (slant) {
        context.save();
        context.translate(middle + 3, top - 6);
        context.rotate(-slant);
        context.textAlign = "left";
        context.fillText(cut(context, captions[j], longest), 0, 0);
        context.restore();
      } else if ((j - zoom.column) % gap === 0 && middle + 14 * unit < left + wide + 10) {
        context.font = frame.font(11);
        context.fillStyle = muted;
        context.textAlign = "center";
        context.fillText(String(j), middle, top - 9 * unit);
      }
      if (pickedTexts.has(j)) { context.fillStyle = frame.color("focus"); context.fillRect(x(j), top - 4, Math.max(2, cellWidth), 3); }
    }
    // Crosshair.
    context.lineWidth = 1.5 * unit;
    const inside = (/** @type {number} */ value, /** @type {number} */ from, /** @type {number} */ count) => value >= from && value < from + count;
    const box = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ c, /** @type {number} */ d, /** @type {string} */ inner) => {
      for (const [shade, grow] of /** @type {[string, number][]} */ ([["#000c", 1], [inner, 0]])) { context.strokeStyle = shade; context.strokeRect(a - grow, b - grow, c + 2 * grow, d + 2 * grow); }
    };
    const onRow = inside(cursor.row, zoom.row, zoom.rows), onColumn = inside(cursor.column, zoom.column, zoom.columns);
    if (onRow) box(left, y(cursor.row), wide, cellHeight, "#fff9");
    if (onColumn) box(x(cursor.column), top, cellWidth, high, "#fff9");
    if (onRow && onColumn) box(x(cursor.column), y(cursor.row), cellWidth, cellHeight, "#fff");
    if (drag) { context.fillStyle = "#ffffff30"; context.fillRect(drag.x, drag.y, drag.toX - drag.x, drag.toY - drag.y); box(drag.x, drag.y, drag.toX - drag.x, drag.toY - drag.y, "#fff"); }
    paintBar(context, left, top + high + 14 * unit, Math.max(wide, 220 * unit), unit, small, ink);
    if (matrix && thumbnailsReady) frame.ready();
  };

  /** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
  const cut = (context, text, width) => {
    if (context.measureText(text).width <= width) return text;
    while (text && context.measureText(`${text}…`).width > width) text = text.slice(0, -Math.ceil(text.length / 12));
    return `${text}…`;
  };

  /** The colour bar with its numbers. @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {number} wide @param {number} unit @param {number} small @param {string} ink */
  const paintBar = (context, left, top, wide, unit, small, ink) => {
    const table = colorTable(VIEW_COLORS[kind]), [low, high] = model.get("value_range"), bound = 1 / rows;
    for (let k = 0; k < 256; k++) {
      const word = table[k];
      context.fillStyle = `rgb(${word & 255},${(word >> 8) & 255},${(word >> 16) & 255})`;
      context.fillRect(left + (wide * k) / 256, top, wide / 256 + 1, 9 * unit);
    }
    /** @type {[number, number][]} place from 0 to 1, number */
    const ticks = !kind ? [0, 1, 2, 3, 4].map((k) => [k / 4, low + ((high - low) * k) / 4]) : [0, 0.01, 0.1, 0.3, 0.6, 1].map((share) => [Math.sqrt(share), share]);
    if (kind > 3) { ticks.splice(0, ticks.length); for (const share of [-1, -0.3, -0.05, 0, 0.05, 0.3, 1]) ticks.push([0.5 + (Math.sign(share) * Math.sqrt(Math.abs(share))) / 2, share * bound]); }
    context.font = frame.font(11);
    context.fillStyle = ink;
    ticks.forEach(([place, value], index) => {
      context.textAlign = index === 0 ? "left" : index === ticks.length - 1 ? "right" : "center";
      context.fillText(formatNumber(value, kind > 3 ? 3 : 2), left + wide * place, top + 9 * unit + small * 0.8);
    });
    context.textAlign = "left";
    context.font = frame.font(12, "600");
    context.fillText(symbol(), left, top + 9 * unit + small * 2.1);
  };

  const main = frame.surface(frame.stage, `${rows} images by ${columns} texts: arrows move the cell, Enter pins`, paint, { tabindex: "0", role: "application", class: "vk-canvas sm-main" });
  const side = make("div", { class: "sm-side" }), tiles = make("div", { class: "sm-tiles" }), ranking = make("div", { class: "sm-ranking" });
  side.append(tiles, ranking);
  frame.stage.append(side);

  // Beside it: the losses, and one row's or column's distribution.
  /** @type {[string, () => number, () => string][]} */
  const tileRows = [
    ["InfoNCE loss", () => now?.infonce ?? NaN, () => `chance log N = ${formatNumber(Math.log(rows))}`],
    ["sigmoid loss", () => now?.sigmoid ?? NaN, () => "sum over pairs / N"],
    ["image → text accuracy", () => (matrix?.imageHits ?? 0) / rows, () => `${ordinal(matrix?.imageHits ?? 0, rows)} images`],
    ["text → image accuracy", () => (matrix?.textHits ?? 0) / columns, () => `${ordinal(matrix?.textHits ?? 0, columns)} texts`],
  ];
  const tileParts = tileRows.map(([label]) => {
    const value = make("b"), note = make("small");
    tiles.append(make("div", {}, make("span", {}, label), value, note));
    return { value, note };
  });
  const showNumbers = () => {
    tiles.classList.remove("sm-stale");
    tileRows.forEach(([, value, note], index) => {
      const part = tileParts[index];
      part.value.textContent = paired ? formatNumber(value(), 4) : "—";
      part.value.dataset.value = String(paired ? value() : NaN);
      part.note.textContent = paired ? note() : "needs one text per image";
    });
  };

  /** What the panel describes: what is pinned, else what is under the cursor. */
  const subject = () => {
    const row = inRows(model.get("selected")).at(-1), column = model.get("selected_text").at(-1);
    if (row !== undefined) return { column: false, index: row, pinned: true };
    if (column !== undefined && column >= 0 && column < columns) return { column: true, index: column, pinned: true };
    const down = cursor.row < 0 && cursor.column >= 0 || kind === 2 && cursor.column >= 0;
    return { column: down, index: Math.max(0, down ? cursor.column : cursor.row), pinned: false };
  };
  const showRanking = () => {
    if (!matrix || !now) return;
    const about = subject(), { index } = about, count = about.column ? rows : columns, m = matrix, a = now;
    const cell = (/** @type {number} */ view, /** @type {number} */ other) => (about.column ? valueAt(m, a, view, other, index) : valueAt(m, a, view, index, other));
    const scores = Float64Array.from({ length: count }, (_, k) => cell(kind, k));
    const order = Array.from(scores.keys()).sort((p, q) => (kind > 3 ? Math.abs(scores[q]) - Math.abs(scores[p]) : scores[q] - scores[p]) || p - q);
    // A hard negative scores at least as high as the right one, or is one of the two closest below it.
    const plain = Array.from(scores, (_, k) => cell(0, k)), own = paired ? plain[index] : Infinity;
    const rivals = Array.from(scores.keys()).filter((k) => paired && k !== index).sort((p, q) => plain[q] - plain[p] || p - q), above = rivals.filter((k) => plain[k] >= own).length;
    const hard = new Set(rivals.slice(0, Math.max(2, above)));
    const shown = order.slice(0, 10), bound = Math.max(...shown.map((k) => Math.abs(scores[k])), 1e-300);
    if (paired && !shown.includes(index)) shown.splice(9, 1, index);
    const head = make("div", { class: "sm-head" });
    if (!about.column) head.append(stamp(index, 44));
    head.append(make("div", {}, make("div", { class: "vk-strong" }, about.column ? name(index) : paired && captions.length ? name(index) : `image ${index}`),
      make("div", { class: "vk-small" }, `${about.column ? "text" : "image"} ${index}${about.pinned ? ", pinned" : ""} · ${symbol()}`)));
    const list = make("ol", { class: "sm-list", "aria-label": `${symbol()}, sorted` });
    for (const k of shown) {
      const right = paired && k === index, mark = right ? "✓ correct" : hard.has(k) ? "hard negative" : "";
      const bar = make("i", { style: `width:${(100 * Math.abs(scores[k])) / bound}%` }), item = make("li", { class: right ? "sm-right" : mark ? "sm-hard" : "", "data-index": String(k), "data-value": String(scores[k]) });
      if (about.column) item.append(stamp(k, 26));
      item.append(make("div", { class: "sm-what" }, make("span", { title: about.column ? `image ${k}` : name(k) }, about.column ? `image ${k}` : name(k)), make("em", {}, mark), make("b", {}, formatNumber(scores[k])), make("div", { class: "sm-track" }, bar)));
      list.append(item);
    }
    ranking.replaceChildren(head, list);
    if (paired) ranking.append(make("div", { class: "vk-small" }, `${above ? `${above} hard negative${above > 1 ? "s" : ""} at or above the right one` : "The right one scores highest"}; rank ${ordinal(above + 1, count)}.`));
  };
  /** A thumbnail as an element. @param {number} index @param {number} pixelsWide */
  const stamp = (index, pixelsWide) => {
    if (!thumbnails) return "";
    const size = pixelsWide * frame.scale(), ratio = devicePixelRatio || 1, canvas = make("canvas", { width: String(size * ratio), height: String(size * ratio), style: `width:${size}px;height:${size}px` });
    thumbnails.draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), index, 0, 0, size * ratio);
    return canvas;
  };

  // The cursor.
  const tell = () => {
    const { row, column } = cursor;
    if (!matrix || !now) return;
    if (row < 0 || column < 0) return frame.say(row >= 0 ? `image ${row}` : column >= 0 ? `text ${column}: ${name(column)}` : `${rows} images × ${columns} texts · ${symbol()}`);
    const value = kind ? ` · ${symbol()} ${formatNumber(valueAt(matrix, now, kind, row, column))}` : "";
    frame.say(`image ${row} × text ${column}${paired && row === column ? " (a pair)" : ""}: ${measure} ${formatNumber(matrix.values[row * columns + column])}${value} · ${name(column)}`);
  };
  /** @param {Cell} next @param {boolean} [own] whether it was moved here rather than from outside */
  const move = (next, own = true) => {
    if (next.row === cursor.row && next.column === cursor.column) return;
    const before = subject();
    cursor = next;
    if (own) { frame.write("hovered", next.row); frame.write("hovered_text", next.column); }
    if (JSON.stringify(before) !== JSON.stringify(subject())) showRanking();
    tell();
    frame.ask();
  };
  /** @param {{ clientX: number, clientY: number } | null} place */
  const hint = (place) => {
    const { row, column } = cursor;
    if (!place || !matrix || !now || (row < 0 && column < 0)) return frame.tooltip(null);
    const lines = [column < 0 ? `image ${row}` : name(column)];
    if (row >= 0 && column >= 0) {
      lines.push(`${measure} ${formatNumber(matrix.values[row * columns + column])}`);
      if (kind) lines.push(`${symbol()} ${formatNumber(valueAt(matrix, now, kind, row, column))}`);
      lines.push(`image ${row} × text ${column}${paired && row === column ? " · a pair" : ""}`);
    }
    const drawing = thumbnails && row >= 0 ? (/** @type {CanvasRenderingContext2D} */ context, /** @type {number} */ size) => thumbnails.draw(context, row, 0, 0, size) : null;
    frame.tooltip(lines, place, drawing);
  };
  /** @param {PointerEvent | WheelEvent | MouseEvent} event @returns {Cell} */
  const locate = (event) => {
    const box = main.canvas.getBoundingClientRect(), y = event.clientY - box.top, above = at.top - y;
    const x = event.clientX - box.left - (at.slant && above > 0 ? above / Math.tan(at.slant) : 0);
    const row = Math.floor((y - at.top) / at.height), column = Math.floor((x - at.left) / at.width);
    if (row >= zoom.rows || column >= zoom.columns || (row < 0 && column < 0)) return { row: -1, column: -1 };
    return { row: row < 0 ? -1 : row + zoom.row, column: column < 0 ? -1 : column + zoom.column };
  };
  /** @param {Cell} cell @param {boolean} [down] the column rather than the row */
  const pin = ({ row, column }, down = row < 0 || (kind === 2 && column >= 0)) => {
    const index = down ? column : row, mine = down ? "selected_text" : "selected", pinned = model.get(mine);
    if (index < 0) return;
    frame.write(down ? "selected" : "selected_text", []);
    frame.write(mine, pinned.length === 1 && pinned[0] === index ? [] : [index]);
    showRanking();
    frame.ask();
  };
  /** @param {number} row @param {number} column @param {number} tall @param {number} wide */
  const setZoom = (row, column, tall, wide) => {
    zoom.rows = clamp(Math.min(4, rows), Math.round(tall), rows);
    zoom.columns = clamp(Math.min(4, columns), Math.round(wide), columns);
    if (paired) zoom.rows = zoom.columns = Math.max(zoom.rows, zoom.columns);
    zoom.row = clamp(0, Math.round(row), rows - zoom.rows);
    zoom.column = clamp(0, Math.round(column), columns - zoom.columns);
    frame.ask();
  };
  /** @param {number} factor @param {Cell} around */
  const zoomBy = (factor, { row, column }) => {
    const r = Math.max(row, 0), c = Math.max(column, 0);
    const tall = factor < 1 ? Math.min(zoom.rows - 1, zoom.rows * factor) : Math.max(zoom.rows + 1, zoom.rows * factor);
    const wide = factor < 1 ? Math.min(zoom.columns - 1, zoom.columns * factor) : Math.max(zoom.columns + 1, zoom.columns * factor);
    setZoom(r - ((r - zoom.row) * tall) / zoom.rows, c - ((c - zoom.column) * wide) / zoom.columns, tall, wide);
  };
  const wholeMatrix = () => setZoom(0, 0, rows, columns);

  const { canvas } = main;
  frame.listen(canvas, "pointermove", (/** @type {PointerEvent} */ event) => {
    if (drag) { const box = canvas.getBoundingClientRect(); drag.toX = event.clientX - box.left; drag.toY = event.clientY - box.top; frame.tooltip(null); return frame.ask(); }
    move(locate(event));
    hint(event);
  });
  frame.listen(canvas, "pointerleave", () => { if (!drag) { move({ row: -1, column: -1 }); hint(null); } });
  frame.listen(canvas, "pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button) return;
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    move(locate(event));
    drag = { x, y, toX: x, toY: y };
    canvas.setPointerCapture(event.pointerId);
  });
  frame.listen(canvas, "pointerup", (/** @type {PointerEvent} */ event) => {
    const from = drag;
    drag = null;
    if (!from) return;
    if (Math.hypot(from.toX - from.x, from.toY - from.y) < 8) return pin(cursor);
    const edge = (/** @type {number} */ value, /** @type {number} */ start, /** @type {number} */ size, /** @type {number} */ first) => first + (value - start) / size;
    const r = [from.y, from.toY].map((v) => edge(v, at.top, at.height, zoom.row)).sort((p, q) => p - q), c = [from.x, from.toX].map((v) => edge(v, at.left, at.width, zoom.column)).sort((p, q) => p - q);
    setZoom(Math.floor(r[0]), Math.floor(c[0]), Math.ceil(r[1]) - Math.floor(r[0]), Math.ceil(c[1]) - Math.floor(c[0]));
    move(locate(event));
  });
  frame.listen(canvas, "pointercancel", () => { drag = null; frame.ask(); });
  frame.listen(canvas, "dblclick", wholeMatrix);
  // A plain wheel scrolls the notebook until the matrix has the focus; a pinch always zooms.
  frame.listen(canvas, "wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey && document.activeElement !== canvas || event.deltaY > 0 && zoom.rows === rows && zoom.columns === columns) return;
    event.preventDefault();
    zoomBy(event.deltaY > 0 ? 1.25 : 0.8, locate(event));
  }, { passive: false });

  /** Moves the cell by keyboard, keeps it in sight, and shows its numbers beside it. @param {number} row @param {number} column */
  const go = (row, column) => {
    const next = { row: clamp(0, row, rows - 1), column: clamp(0, column, columns - 1) };
    setZoom(clamp(next.row - zoom.rows + 1, zoom.row, next.row), clamp(next.column - zoom.columns + 1, zoom.column, next.column), zoom.rows, zoom.columns);
    move(next);
    const box = canvas.getBoundingClientRect();
    hint({ clientX: box.left + at.left + (next.column - zoom.column + 0.5) * at.width, clientY: box.top + at.top + (next.row - zoom.row + 0.5) * at.height });
  };
  const moves = /** @type {Record<string, [number, number]>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -columns], End: [0, columns] });
  const nudge = (/** @type {number} */ factor) => { heat.set(clamp(0.005, temperature * factor, 2)); temperature = heat.value(); frame.write("temperature", temperature); frame.ask(); };
  frame.keys(
    { name: "move the cell", keys: Object.keys(moves).slice(0, 4).join(" / "), run: ({ key }) => { const [down, right] = moves[key]; if (cursor.row < 0 || cursor.column < 0) go(cursor.row, cursor.column); else go(cursor.row + down, cursor.column + right); } },
    { name: "first or last text", keys: "Home / End", run: ({ key }) => go(cursor.row, cursor.column + moves[key][1]) },
    { name: "pin or release this row", keys: "Enter", run: () => pin(cursor) },
    { name: "pin or release this column", keys: "c", run: () => pin(cursor, true) },
    { name: "next view", keys: "v", run: () => setView((kind + 1) % (paired ? 6 : 4)) },
    { name: "lower or raise the temperature", keys: "[ / ]", run: ({ key }) => nudge(key === "[" ? 1 / 1.1 : 1.1) },
    { name: "zoom", keys: "+ / = / -", run: ({ key }) => zoomBy(key === "-" ? 1.5 : 1 / 1.5, cursor) },
    { name: "whole matrix", keys: "0", run: wholeMatrix },
  );

  // What Python or a linked widget sets.
  frame.watch("view", (value) => { kind = Math.max(0, VIEWS.indexOf(value)); choose.value = VIEWS[kind]; frame.ask(); });
  frame.watch("temperature", (value) => { temperature = value; heat.set(value); frame.ask(); });
  frame.watch("bias", (value) => { bias = value; lean.set(value); frame.ask(); });
  frame.watch("step", (value) => { step = clamp(0, value, steps - 1); scrub?.set(step); load(); });
  frame.watch("hovered", (value) => move({ row: value < rows ? value : -1, column: cursor.column }, false));
  frame.watch("hovered_text", (value) => move({ row: cursor.row, column: value < columns ? value : -1 }, false));
  for (const trait of ["selected", "selected_text"]) frame.watch(trait, () => { showRanking(); frame.ask(); });

  load();
  return frame.close;
}
export default { render };
