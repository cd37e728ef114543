// The RoPE wheel: two arrows that their places turn. Everything is computed here, none in the kernel.
const LAST = 15; // patches in the row: 0 .. 15
const SVG = "http://www.w3.org/2000/svg";
const TEXT = "line-height:1.5;color:var(--jp-ui-font-color1,inherit);";
const PLAIN = TEXT + "max-width:600px;margin:4px 0;font-size:14px";
const FULL = TEXT + "position:fixed;inset:0;z-index:9999;box-sizing:border-box;overflow:auto;padding:20px 28px;font-size:22px";
let count = 0;

/** The angles of both arrows and their dot product; both arrows have length 1. */
export function turned({ query, key, frequency, start }) {
  const angles = [start[0] + query * frequency, start[1] + key * frequency];
  return { angles, product: Math.cos(angles[0] - angles[1]) };
}

/** A number with a true minus. */
const signed = (value) => String(value).replace("-", "\u2212");

function draw(tag, parent, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.textContent = text;
  return parent.appendChild(node);
}

function make(tag, parent, style = "", text = "") {
  const node = document.createElement(tag);
  node.style.cssText = style;
  node.textContent = text;
  return parent.appendChild(node);
}

function arrow(parent, x, y, length, angle, style) {
  // The angle grows anticlockwise, as in a textbook; the screen's y points down.
  const [dx, dy] = [Math.cos(angle), -Math.sin(angle)];
  const tip = [x + length * dx, y + length * dy];
  const back = (side) => `${tip[0] - 13 * dx + side * 7 * dy},${tip[1] - 13 * dy - side * 7 * dx}`;
  draw("line", parent, { x1: x, y1: y, x2: tip[0] - 8 * dx, y2: tip[1] - 8 * dy, ...style });
  draw("polygon", parent, { points: `${tip} ${back(1)} ${back(-1)}`, fill: style.stroke });
}

function drawRow(parent, state, colors) {
  const width = 36;
  for (let place = 0; place <= LAST; place++) {
    draw("rect", parent, { x: place * width + 1, y: 20, width: width - 2, height: 26, rx: 4, fill: "none", stroke: "currentColor", "stroke-opacity": 0.35 });
    draw("text", parent, { x: (place + 0.5) * width, y: 38, "text-anchor": "middle", "font-size": 13, fill: "currentColor", "fill-opacity": 0.75 }, String(place));
  }
  const at = (place) => (place + 0.5) * width;
  draw("text", parent, { x: at(state.query), y: 13, "text-anchor": "middle", "font-size": 15, "font-weight": 700, fill: colors.query }, "query");
  draw("text", parent, { x: at(state.key), y: 63, "text-anchor": "middle", "font-size": 15, "font-weight": 700, fill: colors.key }, "key");
  draw("rect", parent, { x: state.query * width + 1, y: 20, width: width - 2, height: 26, rx: 4, fill: "none", stroke: colors.query, "stroke-width": 3 });
  draw("rect", parent, { x: state.key * width + 4, y: 23, width: width - 8, height: 20, rx: 3, fill: "none", stroke: colors.key, "stroke-width": 3, "stroke-dasharray": "5 3" });
}

function drawWheel(parent, state, colors) {
  const [x, y, radius] = [125, 205, 105];
  const { angles } = turned(state);
  draw("circle", parent, { cx: x, cy: y, r: radius, fill: "none", stroke: "currentColor", "stroke-opacity": 0.35 });
  const names = ["query", "key"];
  names.forEach((name, index) => {
    const style = { stroke: colors[name], "stroke-width": 2, "stroke-opacity": 0.45, "stroke-dasharray": "2 4" };
    const [from, to] = [state.start[index], angles[index]];
    draw("line", parent, { x1: x, y1: y, x2: x + radius * Math.cos(from), y2: y - radius * Math.sin(from), ...style });
    const size = radius * (index ? 0.42 : 0.58), steps = Math.ceil(Math.abs(to - from) / 0.05) + 1;
    const arc = Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps);
    draw("polyline", parent, { points: arc.map((a) => `${x + size * Math.cos(a)},${y - size * Math.sin(a)}`).join(" "), fill: "none", ...style, "stroke-dasharray": "none" });
  });
  names.forEach((name, index) => arrow(parent, x, y, radius, angles[index], { stroke: colors[name], "stroke-width": 4, "stroke-dasharray": index ? "9 5" : "none" }));
}

function drawCurve(parent, state, colors) {
  const [left, right, middle, height] = [300, 565, 205, 85];
  const across = (offset) => left + ((offset + LAST) / (2 * LAST)) * (right - left);
  const up = (offset) => middle - height * Math.cos(state.start[0] - state.start[1] + offset * state.frequency);
  const line = { stroke: "currentColor", "stroke-opacity": 0.35 };
  for (const value of [-1, 0, 1]) {
    draw("line", parent, { x1: left, x2: right, y1: middle - value * height, y2: middle - value * height, ...line });
    draw("text", parent, { x: left - 6, y: middle - value * height + 4, "text-anchor": "end", "font-size": 12, fill: "currentColor" }, signed(value));
  }
  draw("line", parent, { x1: across(0), x2: across(0), y1: middle - height, y2: middle + height, ...line });
  const offsets = Array.from({ length: 301 }, (_, i) => -LAST + (i / 300) * 2 * LAST);
  draw("polyline", parent, { points: offsets.map((o) => `${across(o)},${up(o)}`).join(" "), fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-opacity": 0.8 });
  const offset = state.query - state.key;
  draw("circle", parent, { cx: across(offset), cy: up(offset), r: 8, fill: colors.product, stroke: "var(--jp-layout-color0, white)", "stroke-width": 2 });
  for (const value of [-LAST, 0, LAST]) draw("text", parent, { x: across(value), y: middle + height + 17, "text-anchor": "middle", "font-size": 12, fill: "currentColor" }, signed(value));
  draw("text", parent, { x: (left + right) / 2, y: middle + height + 36, "text-anchor": "middle", "font-size": 14, fill: "currentColor" }, "offset: query\u2019s place \u2212 key\u2019s place");
  draw("text", parent, { x: (left + right) / 2, y: middle - height - 12, "text-anchor": "middle", "font-size": 16, "font-weight": 700, fill: "currentColor" }, `query \u00b7 key = ${signed(turned(state).product.toFixed(3))}`);
}

/** What the picture shows, in words: for screen readers, and under the picture. */
export function describe(state) {
  const { angles, product } = turned(state);
  const degrees = (angle) => `${Math.round((angle * 180) / Math.PI)}\u00b0`;
  return `query at place ${state.query}, turned to ${degrees(angles[0])}; key at place ${state.key}, turned to ${degrees(angles[1])}; offset ${signed(state.query - state.key)}: query \u00b7 key = ${signed(product.toFixed(3))}`;
}

function slider(parent, label, options, changed) {
  const row = make("label", parent, "display:flex;gap:8px;align-items:center");
  make("span", row, "min-width:11em", label);
  const input = make("input", row, "flex:1;min-width:8em;max-width:20em;margin:0");
  Object.assign(input, { type: "range", ...options });
  const shown = make("output", row, "min-width:4em;font-variant-numeric:tabular-nums;font-weight:600");
  input.addEventListener("input", () => changed(Number(input.value)));
  return (value, text) => {
    input.value = String(value);
    input.setAttribute("aria-valuetext", text);
    shown.textContent = text;
  };
}

/** The keys of the box: "f" fills the screen, Escape leaves it, a clicker's page keys then call `turn`. */
function presenter(box, picture, repaint, turn) {
  const filling = () => box.getRootNode().fullscreenElement === box;
  const full = () => box.dataset.full === "true";
  const set = (on) => {
    box.dataset.full = String(on);
    box.style.cssText = on ? FULL : PLAIN;
    picture.style.height = on ? "calc(100vh - 12em)" : "auto";
    // A frame that forbids full screen gets a wheel that fills its window.
    if (on) document.fullscreenElement || box.requestFullscreen?.().catch(() => {});
    else if (filling()) document.exitFullscreen?.().catch(() => {});
    repaint();
  };
  // The browser enters and leaves late: a second "f" may have come before.
  const changed = () => { if (full() !== filling()) set(false); };
  document.addEventListener("fullscreenchange", changed);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !full()) return;
    // JupyterLab would take the keys that a button or slider leaves alone for its own commands.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const run = event.key === "f" ? () => set(!full()) : full() && { Escape: () => set(false), PageDown: () => turn(1), PageUp: () => turn(-1) }[event.key];
    if (run) { event.preventDefault(); run(); }
  });
  return { full, set, close: () => document.removeEventListener("fullscreenchange", changed) };
}

function render({ model, el }) {
  const { light, dark, ...first } = model.get("content");
  const state = { ...first };
  const box = make("div", el, PLAIN);
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "RoPE wheel");
  box.tabIndex = -1;
  const picture = draw("svg", box, { viewBox: "0 0 580 350", role: "img", style: "width:100%;height:auto;display:block" });
  const title = `rope-wheel-${Date.now()}-${count++}`;
  const controls = make("div", box, "display:grid;gap:4px");
  const change = (next) => { Object.assign(state, next); paint(); };
  const places = { min: 0, max: LAST, step: 1 };
  const showQuery = slider(controls, "place of the query", places, (query) => change({ query }));
  const showKey = slider(controls, "place of the key", places, (key) => change({ key }));
  const showFrequency = slider(controls, "radians per patch", { min: 0, max: 1.5, step: 0.01 }, (frequency) => change({ frequency }));
  const row = make("div", controls, "display:flex;gap:8px;align-items:center");
  make("span", row, "min-width:11em", "move both together");
  const turn = (step) => {
    const [query, key] = [state.query + step, state.key + step];
    if (Math.min(query, key) >= 0 && Math.max(query, key) <= LAST) change({ query, key });
  };
  const lecture = presenter(box, picture, paint, turn);
  const button = (text, name, run, place = "") => {
    const node = make("button", row, `font:inherit;padding:2px 14px;border-radius:6px;border:1px solid;background:none;color:inherit;cursor:pointer;${place}`, text);
    Object.assign(node, { type: "button", ariaLabel: name, title: name });
    node.addEventListener("click", run);
  };
  button("\u2190", "move query and key one patch to the left", () => turn(-1));
  button("\u2192", "move query and key one patch to the right", () => turn(1));
  button("\u2922", "Full screen (f)", () => lecture.set(!lecture.full()), "margin-left:auto");
  const note = make("output", box, "display:block;margin-top:6px;padding:6px 12px;border-radius:4px;background:var(--jp-layout-color2,rgba(128,128,128,.12))");
  note.setAttribute("aria-live", "polite");

  function paint() {
    // Light text means a dark page, in JupyterLab and everywhere else.
    const [red, green, blue] = (getComputedStyle(box).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    const bright = red + green + blue > 384, colors = bright ? dark : light;
    if (lecture.full()) box.style.background = bright ? "#111" : "#fff";
    picture.replaceChildren();
    draw("title", picture, { id: title }, describe(state));
    picture.setAttribute("aria-labelledby", title);
    drawRow(picture, state, colors);
    drawWheel(picture, state, colors);
    drawCurve(picture, state, colors);
    showQuery(state.query, String(state.query));
    showKey(state.key, String(state.key));
    showFrequency(state.frequency, state.frequency.toFixed(2));
    note.textContent = describe(state);
  }
  paint();
  const theme = new MutationObserver(paint);
  theme.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name"] });
  // JupyterLab renders before the element is on the page, where it has no colour yet.
  const size = new ResizeObserver(paint);
  size.observe(box);
  return () => { theme.disconnect(); size.disconnect(); lecture.close(); };
}
export default { render };
