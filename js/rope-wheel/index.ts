import type { View } from "../shared/model.ts";
import { make, slider } from "./controls.ts";
import { type Colors, draw, drawCurve, drawRow, drawWheel } from "./drawing.ts";
import { describe, LAST, turned, type WheelState } from "./numbers.ts";
import { openPresenter, PLAIN } from "./presenter.ts";

interface Content extends WheelState {
  light: Colors;
  dark: Colors;
}

let count = 0;

/** The RoPE wheel: two arrows that their places turn. Everything is computed here, none in the kernel. */
function render({ model, el }: View): () => void {
  const { light, dark, ...first } = model.get("content") as Content;
  const state: WheelState = { ...first };
  const box = make("div", el, PLAIN);
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "RoPE wheel");
  box.tabIndex = -1;
  const picture = draw("svg", box, {
    viewBox: "0 0 580 350",
    role: "img",
    style: "width:100%;height:auto;display:block",
  });
  const title = `rope-wheel-${Date.now()}-${count++}`;
  const controls = make("div", box, "display:grid;gap:4px");
  const change = (next: Partial<WheelState>) => {
    Object.assign(state, next);
    paint();
  };
  const places = { min: 0, max: LAST, step: 1 };
  const showQuery = slider(controls, "place of the query", places, (query) => change({ query }));
  const showKey = slider(controls, "place of the key", places, (key) => change({ key }));
  const showFrequency = slider(controls, "radians per patch", { min: 0, max: 1.5, step: 0.01 }, (frequency) =>
    change({ frequency }),
  );
  const row = make("div", controls, "display:flex;gap:8px;align-items:center");
  make("span", row, "min-width:11em", "move both together");
  const turn = (step: number) => {
    const [query, key] = [state.query + step, state.key + step];
    if (Math.min(query, key) >= 0 && Math.max(query, key) <= LAST) change({ query, key });
  };
  const lecture = openPresenter(box, picture, paint, turn);
  const button = (text: string, name: string, run: () => void, place = "") => {
    const node = make(
      "button",
      row,
      `font:inherit;padding:2px 14px;border-radius:6px;border:1px solid;background:none;color:inherit;cursor:pointer;${place}`,
      text,
    );
    node.type = "button";
    node.title = name;
    node.setAttribute("aria-label", name);
    node.addEventListener("click", run);
  };
  button("\u2190", "move query and key one patch to the left", () => turn(-1));
  button("\u2192", "move query and key one patch to the right", () => turn(1));
  button("\u2922", "Full screen (f)", () => lecture.set(!lecture.full()), "margin-left:auto");
  const note = make(
    "output",
    box,
    "display:block;margin-top:6px;padding:6px 12px;border-radius:4px;background:var(--jp-layout-color2,rgba(128,128,128,.12))",
  );
  note.setAttribute("aria-live", "polite");

  function paint() {
    // Light text means a dark page, in JupyterLab and everywhere else.
    const [red, green, blue] = (getComputedStyle(box).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    const bright = red + green + blue > 384,
      colors = bright ? dark : light;
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
  theme.observe(document.body, {
    attributes: true,
    attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name"],
  });
  // JupyterLab renders before the element is on the page, where it has no colour yet.
  const size = new ResizeObserver(paint);
  size.observe(box);
  return () => {
    theme.disconnect();
    size.disconnect();
    lecture.close();
  };
}

// Python's tests compare the words and numbers with their own.
export { describe, turned };
export default { render };
