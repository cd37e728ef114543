import { make } from "../shared/dom.ts";
import type { Frame } from "../shared/frame.ts";
import { nameElement } from "../shared/name.ts";
import { clamp } from "../shared/numbers.ts";
import { clipPathOf, markOf } from "./marks.ts";
import type { State } from "./state.ts";

/** From so many classes on the legend can be searched. */
const MANY = 12;

export interface Legend {
  element: HTMLElement;
  /** Shows which classes are hidden. */
  show(): void;
  recolor(css: string[]): void;
}

interface Effects {
  /** Hides the classes for which `off` is true. */
  hide(off: (code: number) => boolean): void;
  /** A class, or none (-1), is to stand out. */
  spotlight(code: number): void;
}

/** The classes with their marks and numbers: a click hides one, shift or a double click shows it alone. */
export function openLegend(state: State, frame: Frame, { hide, spotlight }: Effects): Legend {
  const { data, hidden } = state;
  const list = make("div", { class: "vk-legend", role: "group", "aria-label": "Classes" });
  const element = make("div", { class: "vk-legend-box" });
  // Long names have a column to themselves.
  const longest = Math.max(0, ...data.classes.map((name) => name.length));
  list.style.setProperty("--vk-legend-width", `${clamp(7, 0.55 * longest + 5, 17)}em`);
  const amounts = data.classes.map(() => 0);
  if (data.classes.length) for (const code of data.codes) amounts[code]++;
  const isolate = (code: number) => {
    const alone = [...hidden].every((off, one) => !off === (one === code));
    hide((one) => !alone && one !== code);
  };
  const toggle = (code: number) => hide((one) => (one === code ? !hidden[one] : !!hidden[one]));
  const swatches = data.classes.map((name, code) => {
    const hint = `${name}: click hides, shift-click or double-click isolates`;
    const clicked = (event: MouseEvent) => (event.shiftKey ? isolate(code) : toggle(code));
    const item = frame.button(list, name, clicked, hint);
    const swatch = make("i", {
      style: `clip-path: ${clipPathOf(markOf(code, data.byModality && code === 1))}`,
    });
    item.replaceChildren(swatch, nameElement(name), make("small", {}, amounts[code].toLocaleString("en")));
    frame.listen(item, "dblclick", () => isolate(code));
    frame.listen(item, "pointerenter", () => spotlight(code));
    frame.listen(item, "pointerleave", () => spotlight(-1));
    return { item, swatch, name: name.toLowerCase() };
  });
  if (swatches.length > MANY) element.append(searchField(frame, swatches));
  element.append(list);
  if (data.hasTexts && !data.byModality) element.append(kinds());
  return {
    element,
    show: () =>
      swatches.forEach(({ item }, code) => {
        item.setAttribute("aria-pressed", String(!hidden[code]));
      }),
    recolor: (css) =>
      swatches.forEach(({ swatch }, code) => {
        swatch.style.background = css[code];
      }),
  };
}

function searchField(frame: Frame, swatches: { item: HTMLElement; name: string }[]): HTMLElement {
  const attributes = {
    type: "search",
    class: "vk-input",
    placeholder: `find one of ${swatches.length}`,
    "aria-label": "Find a class",
  };
  const field = make("input", attributes);
  frame.listen(field, "input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const { item, name } of swatches) item.hidden = !name.includes(wanted);
  });
  return field;
}

/** Which mark is a picture and which a text. */
function kinds(): HTMLElement {
  const entry = (text: boolean) => {
    const mark = make("i", { style: `clip-path: ${clipPathOf(markOf(0, text))}` });
    return make("span", {}, mark, text ? "text" : "image");
  };
  return make("div", { class: "vk-kinds vk-small" }, entry(false), entry(true));
}
