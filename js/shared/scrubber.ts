import { button, type Slider, slider } from "./controls.ts";
import type { Keyboard } from "./keyboard.ts";
import { clamp } from "./numbers.ts";
import type { Scope } from "./scope.ts";

export interface ScrubberOptions {
  label: string;
  names: readonly string[];
  value: number;
  changed: (index: number) => void;
}

export interface Scrubber extends Slider {
  /** Plays the steps, or stops. */
  run(on: boolean): void;
}

/** A slider over steps with a play button; space plays when the instrument has the focus. */
export function scrubber(
  scope: Scope,
  keyboard: Keyboard,
  parent: HTMLElement,
  options: ScrubberOptions,
): Scrubber {
  const { label, names, value, changed } = options;
  const last = names.length - 1;
  let timer = 0;
  const play = button(scope, parent, "▶", () => run(!timer), "Play the steps (space)");
  const steps = slider(scope, parent, {
    label,
    min: 0,
    max: last,
    step: 1,
    value,
    format: (index) => names[Math.round(index)],
    changed: (index) => changed(Math.round(index)),
  });
  // As wide as the longest name, or the slider would jump away under the pointer.
  const shown = steps.element.lastElementChild as HTMLElement;
  shown.style.width = `${clamp(4, Math.max(...names.map((name) => name.length)), 24)}ch`;
  const go = (index: number) => {
    steps.set(index);
    changed(Math.round(steps.value()));
  };
  const run = (on: boolean) => {
    clearInterval(timer);
    timer = 0;
    play.textContent = on ? "❚❚" : "▶";
    if (!on) return;
    if (steps.value() >= last) go(0);
    const advance = () => {
      const next = Math.round(steps.value()) + 1;
      if (next > last) run(false);
      else go(next);
    };
    timer = window.setInterval(advance, clamp(120, 6000 / names.length, 700));
  };
  scope.onClose(() => clearInterval(timer));
  // What a presenter's clicker sends.
  const turn = ({ key }: KeyboardEvent) => {
    run(false);
    go(steps.value() + (key === "PageDown" ? 1 : -1));
  };
  keyboard.add(
    { name: "play or stop", keys: " ", run: () => run(!timer) },
    { name: "next step, step before", keys: "PageDown / PageUp", run: turn },
  );
  return { ...steps, run };
}
