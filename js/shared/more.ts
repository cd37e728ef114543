import { button } from "./controls.ts";
import { make } from "./dom.ts";
import type { Scope } from "./scope.ts";

/** The controls that are needed rarely, behind a button "More". */
export interface More {
  button: HTMLButtonElement;
  /** Where the controls go: `frame.slider(more.panel, …)`. */
  panel: HTMLElement;
  /** Shows the controls, or hides them; without an argument, the other of the two. */
  open(on?: boolean): void;
}

/** Puts the button into the toolbar and a second bar, closed, below it. Escape in either closes the bar and gives
 * the focus back to the button; `changed` is called when the bar has opened or closed. */
export function openMore(
  scope: Scope,
  toolbar: HTMLElement,
  changed: (on: boolean) => void = () => {},
): More {
  // Unique on a page that carries many bundles of this module.
  const id = `vk-more-${Math.random().toString(36).slice(2)}`;
  const panel = make("div", { class: "vk-bar vk-more", id, role: "group", "aria-label": "more controls" });
  panel.hidden = true;
  toolbar.after(panel);
  const isOpen = () => !panel.hidden;
  const open = (on = !isOpen()) => {
    panel.hidden = !on;
    element.setAttribute("aria-expanded", String(on));
    changed(on);
  };
  const element = button(scope, toolbar, "More", () => open(), "Controls that are needed rarely");
  element.classList.add("vk-more-button");
  element.setAttribute("aria-expanded", "false");
  element.setAttribute("aria-controls", id);
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen()) return;
    // The bar closes, and full screen stays.
    event.stopPropagation();
    event.preventDefault();
    open(false);
    element.focus();
  };
  scope.listen<KeyboardEvent>(panel, "keydown", leave);
  scope.listen<KeyboardEvent>(element, "keydown", leave);
  return { button: element, panel, open };
}
