import * as controls from "./controls.ts";
import { make } from "./dom.ts";
import { openFullScreen } from "./full-screen.ts";
import { openKeyboard } from "./keyboard.ts";
import { hostOf, type View } from "./model.ts";
import { openMore } from "./more.ts";
import { openPainter, type Paint, type Shows } from "./painter.ts";
import { openRequests } from "./requests.ts";
import { openScope } from "./scope.ts";
import { type ScrubberOptions, scrubber } from "./scrubber.ts";
import { followTheme } from "./theme.ts";
import { openTooltip } from "./tooltip.ts";
import { openTraits } from "./traits.ts";

/** What stands around every instrument: root element, title, toolbar, stage, status line, tooltip, theme, keyboard,
 * full screen, traits. An instrument's `render` opens one, fills `stage`, and returns `close`. */
export type Frame = ReturnType<typeof openFrame>;

export function openFrame({ model, el }: View, about: { kind: string; help: string }) {
  const scope = openScope();
  const host = hostOf(model);
  const parts = build(about.kind);
  const { root, heading, toolbar, stage, status } = parts;
  el.append(root);
  scope.onClose(() => root.remove());

  const painter = openPainter(scope);
  const { requestDraw } = painter;
  const theme = followTheme(root, host, scope, requestDraw);
  const keyboard = openKeyboard(root, scope);
  const tooltip = openTooltip(root, theme.scale);
  const traits = openTraits(host, scope);
  const onFullScreen = new Set<() => void>();
  const refit = () => {
    theme.forget();
    for (const step of onFullScreen) step();
    requestDraw();
  };
  const fullScreen = openFullScreen(root, scope, refit);
  // A host whose element has a height of its own, such as a slide.
  if (el.hasAttribute("data-room")) {
    root.dataset.room = "given";
    for (const part of [root, toolbar]) scope.onResize(part, refit);
  }

  const leave = () => {
    keyboard.hideList();
    if (root.dataset.full === "true") fullScreen(false);
  };
  keyboard.add(
    { name: "full screen", keys: "f", run: () => fullScreen() },
    { name: "show or hide this list", keys: "?", run: keyboard.toggleList },
    { name: "leave full screen", keys: "Escape", run: leave },
  );
  const last = make("span", { class: "vk-last" });
  toolbar.append(last);
  controls.button(scope, last, "⤢", () => fullScreen(), "Full screen (f)");
  controls.button(scope, last, "?", keyboard.toggleList, about.help);
  const showTitle = () => {
    heading.textContent = traits.get("title") ?? "";
    heading.hidden = !heading.textContent;
  };
  showTitle();
  traits.watch("title", showTitle);

  let lastSaid = "";
  return {
    root,
    toolbar,
    stage,
    ...scope,
    ...theme,
    ...traits,
    ...openRequests(host, scope),
    draw: painter.draw,
    requestDraw,
    tooltip,
    fullScreen,
    addKeys: keyboard.add,
    afterDraw: painter.afterDraw,
    surface: (
      parent: HTMLElement,
      label: string,
      paint: Paint,
      attributes?: Record<string, string>,
      shows?: Shows,
    ) => painter.surface(theme, parent, label, paint, attributes, shows),
    button: controls.button.bind(null, scope),
    toggle: controls.toggle.bind(null, scope),
    select: controls.select.bind(null, scope),
    slider: controls.slider.bind(null, scope),
    scrubber: (parent: HTMLElement, options: ScrubberOptions) => scrubber(scope, keyboard, parent, options),
    /** A button "More" at the end of the toolbar, and the bar that it opens; call it after the other controls. */
    more: (changed?: (on: boolean) => void) => openMore(scope, toolbar, changed),
    /** The line under the picture, read out by screen readers when it changes. */
    say(text: string) {
      if (text !== lastSaid) status.textContent = lastSaid = text;
    },
    isFull: () => root.dataset.full === "true",
    /** Whether the instrument fills a given room, the screen or its host's, in which nothing scrolls. */
    fillsRoom: () => root.dataset.full === "true" || root.dataset.room === "given",
    /** Calls back when the instrument has filled the screen or left it, or its host's room has another size. */
    onFullScreen: (step: () => void) => onFullScreen.add(step),
    /** Height that the room leaves below an element, above the status line. */
    heightBelow(element: Element): number {
      const box = root.getBoundingClientRect();
      // In the root's own pixels, whatever scale an ancestor has.
      const scale = box.height / root.offsetHeight || 1;
      const top = (element.getBoundingClientRect().top - box.top) / scale + root.scrollTop;
      const padding = Number.parseFloat(getComputedStyle(root).paddingBottom);
      return root.clientHeight - top - status.offsetHeight - 8 * theme.scale() - padding;
    },
    /** Marks the first complete picture; tests and benchmarks wait for it. */
    ready() {
      root.dataset.ready = "true";
    },
  };
}

function build(kind: string) {
  const root = make("div", {
    class: "vk",
    "data-kind": kind,
    role: "group",
    "aria-label": kind,
    // The root takes the focus from a click between the controls: else the next key would be a command to the notebook.
    tabindex: "-1",
    "data-lm-suppress-shortcuts": "true",
  });
  const heading = make("div", { class: "vk-title" });
  const toolbar = make("div", { class: "vk-bar", role: "toolbar", "aria-label": `${kind} controls` });
  const stage = make("div", { class: "vk-stage" });
  const status = make("output", { class: "vk-status", "aria-live": "polite" });
  root.append(heading, toolbar, stage, status);
  return { root, heading, toolbar, stage, status };
}

/** Where the pointer is on an element, from 0 to 1 each way, whatever scale an ancestor has. */
export function pointerWithin(
  event: { clientX: number; clientY: number },
  element: Element,
): { x: number; y: number } {
  const box = element.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}
