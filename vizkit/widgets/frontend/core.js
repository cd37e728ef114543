// @ts-check
// Shared by every widget. Python joins this file in front of a widget's own file into one module,
// so there is no import or export here and every name below is visible to the widget's file.

/** @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   on(event: string, handler: (...rest: any[]) => void): void, off(event: string, handler: (...rest: any[]) => void): void,
 *   send(content: any): void }} Model */
/** @typedef {Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array} Numbers */
/** @typedef {{ data: Numbers, shape: number[] }} NumberArray */
/** @typedef {{ name: string, keys: string, run: (event: KeyboardEvent) => void }} Shortcut */
/** @typedef {{ element: HTMLElement, value: () => number, set: (value: number) => void }} Slider */
/** @typedef {{ canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, width: number, height: number, ask: () => void }} Surface */

// Control points of the colour maps, sampled from matplotlib's viridis, cividis and magma and from
// Crameri's vik; Python reads this very object for the static pictures, so it must stay valid JSON.
const COLOR_STOPS = {
  "viridis": ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  "cividis": ["#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78", "#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838"],
  "magma": ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  "diverging": ["#00226d", "#1b5c93", "#6aa0c1", "#bcd3e0", "#f3efec", "#e8c4a9", "#cf8a5b", "#a64a13", "#5e1500"]
};

// Okabe and Ito's palette, then four of Paul Tol's muted hues; the order keeps neighbours apart.
const CATEGORY_COLORS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a800", "#6f4fa0", "#882255", "#44aa99", "#999933", "#7a7a7a"];

const DTYPES = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** Typed view of an array that Python sent; null when it sent none.
 * @param {any} packed `{dtype, shape, buffer}` as `vizkit.widgets.codec.pack` writes it
 * @returns {NumberArray | null} */
function unpack(packed) {
  if (!packed || !packed.buffer) return null;
  const Kind = DTYPES[/** @type {keyof typeof DTYPES} */ (packed.dtype)];
  const bytes = packed.buffer;
  const start = bytes.byteOffset || 0, buffer = bytes.buffer || bytes;
  const count = bytes.byteLength / Kind.BYTES_PER_ELEMENT;
  // A view needs an aligned start; a message's buffer may begin anywhere.
  const data = start % Kind.BYTES_PER_ELEMENT ? new Kind(buffer.slice(start, start + bytes.byteLength)) : new Kind(buffer, start, count);
  return { data, shape: packed.shape };
}

/** @param {string} hex @returns {[number, number, number]} */
function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** @type {Map<string, Uint32Array>} */
const COLOR_TABLES = new Map();

/** 256 opaque pixels of a colour map, ready to be written to ImageData as 32-bit words (little endian).
 * @param {string} name @returns {Uint32Array} */
function colorTable(name) {
  const known = COLOR_TABLES.get(name);
  if (known) return known;
  const stops = COLOR_STOPS[/** @type {keyof typeof COLOR_STOPS} */ (name)].map(rgb);
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at)), part = at - k;
    const [r, g, b] = stops[k].map((low, channel) => Math.round(low + (stops[k + 1][channel] - low) * part));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  COLOR_TABLES.set(name, table);
  return table;
}

/** @param {number} low @param {number} value @param {number} high */
function clamp(low, value, high) { return Math.max(low, Math.min(high, value)); }

/** A number for people: three significant digits, a true minus sign, no "-0".
 * @param {number} value @param {number} [digits] */
function formatNumber(value, digits = 3) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "not a number";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(digits - 1) : value.toFixed(clamp(0, digits - 1 - Math.floor(Math.log10(size || 1)), digits));
  return Number(text) === 0 ? "0" : text.replace(/-/g, "−");
}

/** @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]} */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  // JupyterLab takes arrows and letters for the notebook before the page sees them, unless the focused element itself says no.
  if (element.tabIndex >= 0) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children); // strings become text nodes: never parsed as HTML
  return element;
}

const prefersDark = () => matchMedia("(prefers-color-scheme: dark)");

/** Whether the page around an element is dark: JupyterLab says so; elsewhere the first opaque background does.
 * @param {HTMLElement} element @returns {{ dark: boolean, lab: boolean }} */
function pageTheme(element) {
  const flag = document.body.dataset.jpThemeLight;
  if (flag) return { dark: flag === "false", lab: true };
  // marimo puts each widget into a shadow tree, whose root has no parent but a host.
  for (let node = /** @type {any} */ (element); node; node = node.parentElement || node.getRootNode().host) {
    // Painted, since a page may state its colours in other ways than rgb(…).
    const pen = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"));
    pen.fillStyle = getComputedStyle(node).backgroundColor;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, , opacity] = pen.getImageData(0, 0, 1, 1).data;
    if (opacity > 128) return { dark: red + 3 * green < 512, lab: false };
  }
  return { dark: prefersDark().matches, lab: false };
}

/** Thumbnails that travel as one picture; `draw` shows nothing until the picture is decoded.
 * @param {any} packed `{tile, columns, count, png}` as `vizkit.widgets.picture.atlas` writes it
 * @param {() => void} ready called once the picture can be drawn */
function openAtlas(packed, ready) {
  const image = new Image(), { tile, columns, count } = packed;
  image.onload = ready;
  image.src = packed.png;
  return {
    count, tile,
    /** @param {CanvasRenderingContext2D} context @param {number} index @param {number} x @param {number} y @param {number} size */
    draw(context, index, x, y, size) {
      if (!image.complete || !image.naturalWidth || index < 0 || index >= count) return;
      context.imageSmoothingEnabled = size < tile * 4;
      context.drawImage(image, (index % columns) * tile, Math.floor(index / columns) * tile, tile, tile, x, y, size, size);
    },
  };
}

/** The house around every widget: root element, toolbar, stage, tooltip, status line, theme, keyboard, full screen,
 * writing back to Python. A widget's `render` makes one, fills `stage`, and returns `frame.close`.
 * @param {{ model: Model, el: HTMLElement }} view @param {{ kind: string, help: string }} about */
function openFrame({ model, el }, about) {
  /** @type {(() => void)[]} */
  const undo = [];
  // The root takes the focus from a click between the controls: else the next key would be a command to the notebook.
  const root = make("div", { class: "vk", "data-kind": about.kind, role: "group", "aria-label": about.kind, tabindex: "-1", "data-lm-suppress-shortcuts": "true" });
  const heading = make("div", { class: "vk-title" }), toolbar = make("div", { class: "vk-bar", role: "toolbar", "aria-label": `${about.kind} controls` });
  const stage = make("div", { class: "vk-stage" }), tip = make("div", { class: "vk-tip", hidden: "" });
  const status = make("output", { class: "vk-status", "aria-live": "polite" });
  const keyList = make("div", { class: "vk-keys", hidden: "", role: "note", "aria-label": "Keyboard shortcuts" });
  root.append(heading, toolbar, stage, status, keyList, tip);
  el.append(root);

  /** @type {Shortcut[]} */
  const shortcuts = [];
  /** @type {Set<() => void>} */
  const repaint = new Set();
  /** @type {Map<string, string>} */
  const written = new Map();
  // Reading a computed style makes the browser lay out again, so each is read once until the theme or a size changes.
  /** @type {Map<string, string>} */
  const styles = new Map();
  let pendingFrame = 0, saveTimer = 0, lastSave = 0;

  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} handler @param {AddEventListenerOptions} [options] */
  const listen = (target, type, handler, options) => {
    target.addEventListener(type, handler, options);
    undo.push(() => target.removeEventListener(type, handler, options));
  };
  /** Draws every surface now: for a first picture, which need not wait for a frame. */
  const draw = () => { cancelAnimationFrame(pendingFrame); pendingFrame = 0; for (const paint of repaint) paint(); };
  /** Draws every surface once, before the next frame, however often it is asked. */
  const ask = () => { pendingFrame ||= requestAnimationFrame(draw); };
  const restyle = () => { styles.clear(); ask(); };
  undo.push(() => cancelAnimationFrame(pendingFrame), () => clearTimeout(saveTimer));

  const save = () => { lastSave = performance.now(); saveTimer = 0; model.save_changes(); };
  /** Asks Python for something. Without a kernel there is no answer, and JupyterLab throws. @param {any} wish */
  const send = (wish) => { try { model.send(wish); } catch { /* what waits for the answer says so */ } };
  /** Sets a trait now and tells Python at most twenty times a second: a drag must not flood the kernel.
   * @param {string} name @param {any} value */
  const write = (name, value) => {
    if (JSON.stringify(model.get(name)) === JSON.stringify(value)) return;
    written.set(name, JSON.stringify(value));
    model.set(name, value);
    saveTimer ||= window.setTimeout(save, Math.max(0, 50 - (performance.now() - lastSave)));
  };
  /** Calls back when Python, or a linked widget, changes a trait; not for an echo of what was written here.
   * @param {string} name @param {(value: any) => void} handler */
  const watch = (name, handler) => {
    const changed = () => {
      const value = model.get(name);
      if (typeof value !== "object" || Array.isArray(value)) {
        const text = JSON.stringify(value);
        if (written.get(name) === text) return;
        written.delete(name);
      }
      handler(value);
    };
    model.on(`change:${name}`, changed);
    undo.push(() => model.off(`change:${name}`, changed));
  };

  const applyTheme = () => {
    const wish = model.get("theme"), page = pageTheme(el);
    const dark = wish === "auto" ? page.dark : wish === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    root.dataset.lab = String(page.lab && dark === page.dark);
    restyle();
  };
  const themeWatch = new MutationObserver(applyTheme);
  for (const node of [document.body, document.documentElement]) themeWatch.observe(node, { attributes: true, attributeFilter: ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "data-theme"] });
  undo.push(() => themeWatch.disconnect());
  listen(prefersDark(), "change", applyTheme);

  /** @param {string} property */
  const style = (property) => {
    if (!styles.has(property)) styles.set(property, getComputedStyle(root).getPropertyValue(property).trim());
    return /** @type {string} */ (styles.get(property));
  };
  /** The theme's colour by its short name ("ink", "muted", "line", "paper", "accent", "focus"). @param {string} name */
  const color = (name) => style(`--vk-${name}`) || "#888";
  /** How much larger type and marks are than in a cell: more in full screen. */
  const scale = () => Number(style("--vk-scale")) || 1;
  /** @param {number} pixels @param {string} [weight] */
  const font = (pixels, weight = "400") => `${weight} ${pixels * scale()}px ${style("font-family")}`;

  /** A canvas as sharp as the screen that repaints on resize, theme change and `ask`; the element's CSS decides its size.
   * `paint` may change that size and return true to begin again.
   * @param {HTMLElement} parent @param {string} label @param {(surface: Surface) => boolean | void} paint @param {Record<string, string>} [attributes] @returns {Surface} */
  const surface = (parent, label, paint, attributes = {}) => {
    const canvas = make("canvas", { class: "vk-canvas", role: "img", "aria-label": label, ...attributes });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const self = { canvas, context, width: 0, height: 0, ask };
    parent.append(canvas);
    const run = () => {
      const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width || !height) return; // not on the page yet, or in a folded output
      const wide = Math.round(width * ratio), high = Math.round(height * ratio);
      if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
      Object.assign(self, { width, height });
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      if (paint(self)) run();
    };
    repaint.add(run);
    const resize = new ResizeObserver(restyle);
    resize.observe(canvas);
    undo.push(() => resize.disconnect());
    return self;
  };

  /** Where the pointer is on an element, from 0 to 1 each way. @param {PointerEvent | MouseEvent} event @param {Element} element */
  const where = (event, element) => {
    const box = element.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  /** Shows text (and, with `picture`, a drawing above it) beside the pointer, left of `right` if it can; `lines` null hides it.
   * @param {string[] | null} lines @param {{ clientX: number, clientY: number }} [at] @param {((context: CanvasRenderingContext2D, size: number) => void) | null} [picture] @param {number} [right] */
  const tooltip = (lines, at, picture, right = Infinity) => {
    tip.hidden = !lines;
    if (!lines || !at) return;
    tip.replaceChildren();
    if (picture) {
      const size = 96 * scale(), ratio = window.devicePixelRatio || 1, canvas = make("canvas", { width: String(size * ratio), height: String(size * ratio), style: `width:${size}px;height:${size}px` });
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.scale(ratio, ratio);
      picture(context, size);
      tip.append(canvas);
    }
    const text = make("div");
    lines.forEach((line, index) => text.append(make("div", { class: index ? "vk-small" : "vk-strong" }, line)));
    tip.append(text);
    const box = root.getBoundingClientRect(), x = at.clientX - box.left, y = at.clientY - box.top;
    tip.style.left = `${clamp(0, x + tip.offsetWidth + 18 > Math.min(box.width, right - box.left) ? x - tip.offsetWidth - 12 : x + 14, Math.max(0, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, y + tip.offsetHeight + 18 > box.height ? y - tip.offsetHeight - 12 : y + 16)}px`;
  };
  let lastSaid = "";
  /** The line under the picture, read out by screen readers when it changes. @param {string} text */
  const say = (text) => { if (text !== lastSaid) status.textContent = lastSaid = text; };

  /** @param {HTMLElement} parent @param {string} label @param {(event: MouseEvent) => void} run @param {string} [hint] */
  const button = (parent, label, run, hint = "") => {
    const element = make("button", { type: "button", class: "vk-button", title: hint || label, "aria-label": hint || label }, label);
    listen(element, "click", run);
    parent.append(element);
    return element;
  };
  /** @param {HTMLElement} parent @param {string} label @param {boolean} on @param {(on: boolean) => void} changed @param {string} [hint] */
  const toggle = (parent, label, on, changed, hint = "") => {
    const element = button(parent, label, () => set(element.getAttribute("aria-pressed") !== "true"), hint);
    /** @param {boolean} state */
    const set = (state) => { element.setAttribute("aria-pressed", String(state)); changed(state); };
    element.setAttribute("aria-pressed", String(on));
    return { element, set };
  };
  /** @param {HTMLElement} parent @param {string} label @param {string[]} options @param {string} value @param {(value: string) => void} changed */
  const select = (parent, label, options, value, changed) => {
    const element = make("select", { class: "vk-select", "aria-label": label }, ...options.map((text) => make("option", { value: text }, text)));
    element.value = value;
    listen(element, "change", () => changed(element.value));
    parent.append(make("label", { class: "vk-field" }, make("span", {}, label), element));
    return element;
  };
  /** A labelled slider; with `log` it moves evenly in the logarithm. The keyboard works as in every range input.
   * @param {HTMLElement} parent @param {{ label: string, min: number, max: number, value: number, log?: boolean, step?: number, format?: (value: number) => string, changed: (value: number) => void }} options
   * @returns {Slider} */
  const slider = (parent, { label, min, max, value, log = false, step, format = formatNumber, changed }) => {
    const to = log ? Math.log : Number, from = log ? Math.exp : Number;
    // The step is a hair short: one that rounding made a hair too long would leave the end out of reach.
    const input = make("input", { type: "range", class: "vk-range", "aria-label": label, min: String(to(min)), max: String(to(max)), step: String(step ?? (to(max) - to(min)) / 200.000001) });
    const shown = make("output", { class: "vk-value" });
    // The number that was set, which may lie between the steps that the thumb can show.
    let current = value;
    const tell = () => { shown.textContent = format(current); input.setAttribute("aria-valuetext", format(current)); };
    /** @param {number} next */
    const set = (next) => { current = clamp(min, next, max); input.value = String(to(current)); tell(); };
    set(value);
    listen(input, "input", () => { current = clamp(min, from(Number(input.value)), max); tell(); changed(current); });
    const element = make("label", { class: "vk-field vk-slider" }, make("span", {}, label), input, shown);
    parent.append(element);
    return { element, value: () => current, set };
  };
  /** A slider over steps with a play button; space plays when the widget has the focus.
   * @param {HTMLElement} parent @param {{ label: string, names: string[], value: number, changed: (index: number) => void }} options */
  const scrubber = (parent, { label, names, value, changed }) => {
    let timer = 0;
    const last = names.length - 1;
    const play = button(parent, "▶", () => run(!timer), "Play the steps (space)");
    const steps = slider(parent, { label, min: 0, max: last, step: 1, value, format: (index) => names[Math.round(index)], changed: (index) => changed(Math.round(index)) });
    // As wide as the longest name, or the slider would jump away under the pointer.
    /** @type {HTMLElement} */ (steps.element.lastElementChild).style.width = `${clamp(4, Math.max(...names.map((name) => name.length)), 24)}ch`;
    /** @param {boolean} on */
    const run = (on) => {
      clearInterval(timer);
      timer = 0;
      play.textContent = on ? "❚❚" : "▶";
      if (!on) return;
      if (steps.value() >= last) { steps.set(0); changed(0); }
      timer = window.setInterval(() => {
        const next = Math.round(steps.value()) + 1;
        if (next > last) return run(false);
        steps.set(next);
        changed(next);
      }, clamp(120, 6000 / names.length, 700));
    };
    undo.push(() => clearInterval(timer));
    // What a presenter's clicker sends.
    const turn = (/** @type {KeyboardEvent} */ { key }) => {
      run(false);
      steps.set(steps.value() + (key === "PageDown" ? 1 : -1));
      changed(steps.value());
    };
    keys({ name: "play or stop", keys: " ", run: () => run(!timer) }, { name: "next step, step before", keys: "PageDown / PageUp", run: turn });
    return { ...steps, run };
  };

  /** @param {...Shortcut} more */
  const keys = (...more) => { shortcuts.push(...more); };
  // In a shadow tree the document knows only the tree's host.
  const filling = () => /** @type {Document} */ (root.getRootNode()).fullscreenElement;
  /** @param {boolean} [on] */
  const fullScreen = (on = root.dataset.full !== "true") => {
    root.dataset.full = String(on);
    // A frame that forbids the Fullscreen API still gets a widget that fills its window: the CSS does that.
    if (on) {
      filling() || root.requestFullscreen?.().catch(() => {});
      root.focus({ preventScroll: true });
    } else if (filling() === root) document.exitFullscreen?.().catch(() => {});
    restyle();
  };
  // The browser enters late: a second "f" may have come before.
  listen(document, "fullscreenchange", () => fullScreen(filling() === root && root.dataset.full === "true"));
  const showKeys = () => {
    keyList.hidden = !keyList.hidden;
    keyList.replaceChildren(...shortcuts.map((item) => make("div", {}, make("kbd", {}, item.keys === " " ? "space" : item.keys.replace(/Arrow/g, "")), ` ${item.name}`)));
  };
  keys({ name: "full screen", keys: "f", run: () => fullScreen() }, { name: "show or hide this list", keys: "?", run: showKeys },
    { name: "leave full screen", keys: "Escape", run: () => { keyList.hidden = true; if (root.dataset.full === "true") fullScreen(false); } });
  listen(root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    // Controls keep their own keys: arrows move a slider, space presses a button, letters go into a field.
    const own = target.matches("input[type=range], select") ? /^(Arrow|Home|End|Page| )/ : target.matches("button") ? /^( |Enter)$/ : target.matches("input, textarea") ? /^(?!Escape)/ : null;
    // JupyterLab would take unhandled keys as notebook commands ("f" opens find, arrows change the cell).
    event.stopPropagation();
    // In full screen the page keys belong to a clicker, whatever was touched last.
    if (own?.test(event.key) && !(root.dataset.full === "true" && /^Page/.test(event.key))) return;
    const found = shortcuts.find((item) => item.keys.split(" / ").includes(event.key) || item.keys === event.key);
    if (found) { event.preventDefault(); found.run(event); }
  });

  const last = make("span", { class: "vk-last" });
  toolbar.append(last);
  button(last, "⤢", () => fullScreen(), "Full screen (f)");
  button(last, "?", showKeys, about.help);
  const showTitle = () => { heading.textContent = model.get("title"); heading.hidden = !heading.textContent; };
  showTitle();
  watch("title", showTitle);
  watch("theme", applyTheme);
  applyTheme();

  return {
    root, toolbar, stage, listen, ask, draw, send, write, watch, color, scale, font, surface, where, tooltip, say, button, toggle, select, slider, scrubber, keys, fullScreen,
    dark: () => root.dataset.theme === "dark",
    /** Marks the first complete picture; tests and benchmarks wait for it. */
    ready: () => { root.dataset.ready = "true"; },
    /** Undoes everything: listeners, observers, timers. */
    close: () => { for (const step of undo.splice(0)) step(); repaint.clear(); root.remove(); },
    /** @param {() => void} step run when the widget goes away */
    onClose: (step) => { undo.push(step); },
  };
}
