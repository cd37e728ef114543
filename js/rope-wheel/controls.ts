/** The wheel's few controls, in the notebook's own type and colours. */

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  parent: Element,
  style = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.style.cssText = style;
  node.textContent = text;
  return parent.appendChild(node);
}

export type Range = { min: number; max: number; step: number };

/** A labelled slider; returns what shows a value and its text. */
export function slider(parent: Element, label: string, options: Range, changed: (value: number) => void) {
  const row = make("label", parent, "display:flex;gap:8px;align-items:center");
  make("span", row, "min-width:11em", label);
  const input = make("input", row, "flex:1;min-width:8em;max-width:20em;margin:0");
  input.type = "range";
  for (const [name, value] of Object.entries(options)) input.setAttribute(name, String(value));
  const shown = make("output", row, "min-width:4em;font-variant-numeric:tabular-nums;font-weight:600");
  input.addEventListener("input", () => changed(Number(input.value)));
  return (value: number, text: string) => {
    input.value = String(value);
    input.setAttribute("aria-valuetext", text);
    shown.textContent = text;
  };
}
