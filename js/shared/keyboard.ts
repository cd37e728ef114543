import { make } from "./dom.ts";
import type { Scope } from "./scope.ts";

/** A key, or several as "a / b", and what it does. */
export interface Shortcut {
  name: string;
  keys: string;
  run: (event: KeyboardEvent) => void;
}

export interface Keyboard {
  add(...shortcuts: Shortcut[]): void;
  /** Shows or hides the list of keys. */
  toggleList(): void;
  hideList(): void;
}

export function openKeyboard(root: HTMLElement, scope: Scope): Keyboard {
  const shortcuts: Shortcut[] = [];
  const list = make("div", {
    class: "vk-keys",
    hidden: "",
    role: "note",
    "aria-label": "Keyboard shortcuts",
  });
  root.append(list);
  scope.listen<KeyboardEvent>(root, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // JupyterLab would take unhandled keys as notebook commands ("f" opens find, arrows change the cell).
    event.stopPropagation();
    if (belongsToControl(event, root.dataset.full === "true")) return;
    const found = shortcuts.find(({ keys }) => keys === event.key || keys.split(" / ").includes(event.key));
    if (!found) return;
    event.preventDefault();
    found.run(event);
  });
  return {
    add: (...more) => {
      shortcuts.push(...more);
    },
    toggleList() {
      list.hidden = !list.hidden;
      list.replaceChildren(
        ...shortcuts.map(({ keys, name }) => {
          const shown = keys === " " ? "space" : keys.replace(/Arrow/g, "");
          return make("div", {}, make("kbd", {}, shown), ` ${name}`);
        }),
      );
    },
    hideList: () => {
      list.hidden = true;
    },
  };
}

/** Controls keep their own keys: arrows move a slider, space presses a button, letters go into a field. */
function belongsToControl({ key, target }: KeyboardEvent, full: boolean): boolean {
  // In full screen the page keys belong to a clicker, whatever was touched last.
  if (full && /^Page/.test(key)) return false;
  const element = target as HTMLElement;
  if (element.matches("input[type=range], select")) return /^(Arrow|Home|End|Page| )/.test(key);
  if (element.matches("button, summary")) return /^( |Enter)$/.test(key);
  if (element.matches("input, textarea")) return key !== "Escape";
  return false;
}
