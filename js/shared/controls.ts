import { make, mark, setText } from "./dom.ts";
import { clamp, formatNumber } from "./numbers.ts";
import type { Scope } from "./scope.ts";

export interface Toggle {
  element: HTMLButtonElement;
  set(on: boolean): void;
}

export interface Slider {
  element: HTMLElement;
  value(): number;
  set(value: number): void;
}

export interface SliderOptions {
  label: string;
  min: number;
  max: number;
  value: number;
  /** Moves evenly in the logarithm. */
  log?: boolean;
  step?: number;
  format?: (value: number) => string;
  changed: (value: number) => void;
}

/** A button. Its name is what it shows; what else there is to say is its description. */
export function button(
  scope: Scope,
  parent: HTMLElement,
  label: string,
  run: (event: MouseEvent) => void,
  hint = "",
) {
  const words = /\p{L}|\p{N}/u.test(label);
  const element = make("button", { type: "button", class: "vk-button", title: hint || label }, label);
  // A mark such as ▶ is no name.
  if (!words) element.setAttribute("aria-label", hint);
  scope.listen(element, "click", run);
  parent.append(element);
  return element;
}

export function toggle(
  scope: Scope,
  parent: HTMLElement,
  label: string,
  on: boolean,
  changed: (on: boolean) => void,
  hint = "",
): Toggle {
  const set = (state: boolean) => {
    element.setAttribute("aria-pressed", String(state));
    changed(state);
  };
  const flip = () => set(element.getAttribute("aria-pressed") !== "true");
  const element = button(scope, parent, label, flip, hint);
  element.setAttribute("aria-pressed", String(on));
  return { element, set };
}

export function select(
  scope: Scope,
  parent: HTMLElement,
  label: string,
  options: readonly string[],
  value: string,
  changed: (value: string) => void,
): HTMLSelectElement {
  const entries = options.map((text) => make("option", { value: text }, text));
  const element = make("select", { class: "vk-select", "aria-label": label }, ...entries);
  element.value = value;
  scope.listen(element, "change", () => changed(element.value));
  parent.append(make("label", { class: "vk-field" }, make("span", {}, label), element));
  return element;
}

/** A labelled slider. The keyboard works as in every range input. */
export function slider(scope: Scope, parent: HTMLElement, options: SliderOptions): Slider {
  const { label, min, max, value, log = false, step, format = formatNumber, changed } = options;
  const toPosition = log ? Math.log : Number;
  const toValue = log ? Math.exp : Number;
  const [low, high] = [toPosition(min), toPosition(max)];
  const input = make("input", {
    type: "range",
    class: "vk-range",
    "aria-label": label,
    min: String(low),
    max: String(high),
    // A hair short: a step that rounding made a hair too long would leave the end out of reach.
    step: String(step ?? (high - low) / 200.000001),
  });
  const shown = make("output", { class: "vk-value" });
  // The number that was set, which may lie between the steps that the thumb can show.
  let current = value;
  const tell = () => {
    setText(shown, format(current));
    mark(input, "aria-valuetext", format(current));
  };
  const set = (next: number) => {
    current = clamp(min, next, max);
    const position = String(toPosition(current));
    if (input.value !== position) input.value = position;
    tell();
  };
  set(value);
  scope.listen(input, "input", () => {
    current = clamp(min, toValue(Number(input.value)), max);
    tell();
    changed(current);
  });
  const element = make("label", { class: "vk-field vk-slider" }, make("span", {}, label), input, shown);
  parent.append(element);
  return { element, value: () => current, set };
}
