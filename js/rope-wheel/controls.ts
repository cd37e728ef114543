/** The wheel's few controls, in the notebook's own type and colours. */
import { make } from "../shared/dom.ts";

export type Range = { min: number; max: number; step: number };

/** A labelled slider; returns what shows a value and its text. */
export function slider(parent: Element, label: string, range: Range, changed: (value: number) => void) {
  const input = make("input", {
    type: "range",
    min: String(range.min),
    max: String(range.max),
    step: String(range.step),
    style: "flex:1;min-width:8em;max-width:20em;margin:0",
  });
  const shown = make("output", {
    style: "min-width:4em;font-variant-numeric:tabular-nums;font-weight:600",
  });
  const name = make("span", { style: "min-width:11em" }, label);
  parent.append(
    make("label", { style: "display:flex;flex-wrap:wrap;gap:0 8px;align-items:center" }, name, input, shown),
  );
  input.addEventListener("input", () => changed(Number(input.value)));
  return (value: number, text: string) => {
    input.value = String(value);
    input.setAttribute("aria-valuetext", text);
    shown.textContent = text;
  };
}

export function button(text: string, name: string, run: () => void, place = ""): HTMLButtonElement {
  const style = `font:inherit;padding:2px 14px;border-radius:6px;border:1px solid;background:none;color:inherit;cursor:pointer;${place}`;
  const node = make("button", { type: "button", title: name, "aria-label": name, style }, text);
  node.addEventListener("click", run);
  return node;
}
