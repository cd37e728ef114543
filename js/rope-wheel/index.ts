import { make } from "../shared/dom.ts";
import type { View } from "../shared/model.ts";
import { openScope } from "../shared/scope.ts";
import { button, slider } from "./controls.ts";
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
  const scope = openScope();
  const box = make("div", {
    "data-lm-suppress-shortcuts": "true",
    role: "group",
    "aria-label": "RoPE wheel",
    tabindex: "-1",
    style: PLAIN,
  });
  el.append(box);
  const picture = draw("svg", box, {
    viewBox: "0 0 580 350",
    role: "img",
    style: "width:100%;height:auto;display:block",
  });
  const title = `rope-wheel-${Date.now()}-${count++}`;
  const controls = make("div", { style: "display:grid;gap:4px" });
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
  const turn = (step: number) => {
    const [query, key] = [state.query + step, state.key + step];
    if (Math.min(query, key) >= 0 && Math.max(query, key) <= LAST) change({ query, key });
  };
  const lecture = openPresenter(box, picture, scope, paint, turn);
  controls.append(
    make(
      "div",
      { style: "display:flex;flex-wrap:wrap;gap:4px 8px;align-items:center" },
      make("span", { style: "min-width:11em" }, "move both together"),
      button("\u2190", "move query and key one patch to the left", () => turn(-1)),
      button("\u2192", "move query and key one patch to the right", () => turn(1)),
      button("\u2922", "Full screen (f)", () => lecture.set(), "margin-left:auto"),
    ),
  );
  const note = make("output", {
    "aria-live": "polite",
    style:
      "display:block;margin-top:6px;padding:6px 12px;border-radius:4px;background:var(--jp-layout-color2,rgba(128,128,128,.12))",
  });
  box.append(controls, note);

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
  scope.onClose(() => theme.disconnect());
  // JupyterLab renders before the element is on the page, where it has no colour yet.
  scope.onResize(box, paint);
  return scope.close;
}

// Python's tests compare the words and numbers with their own.
export { describe, turned };
export default { render };
