import { make } from "../shared/dom.ts";
import type { Frame } from "../shared/frame.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Actions } from "./actions.ts";
import type { Plot } from "./plot.ts";
import { projectionName, type State } from "./state.ts";

export interface Controls {
  showMap(name: string): void;
  showStep(step: number): void;
  showSearch(text: string): void;
}

interface Parts {
  state: State;
  frame: Frame;
  actions: Actions;
  plot: Plot;
  canvas: HTMLCanvasElement;
}

const times = (value: number) => `${formatNumber(value, 2)}×`;

/** The few controls of the moment in the toolbar; the rest behind "More". */
export function openControls(parts: Parts): Controls {
  const { state, frame, actions } = parts;
  const { data } = state;
  const map = mapSelect(parts);
  const steps =
    data.stepNames.length > 1
      ? frame.scrubber(frame.toolbar, {
          label: "step",
          names: data.stepNames,
          value: state.to.step,
          changed(step) {
            frame.write("step", step);
            actions.go(state.to.name, step);
          },
        })
      : null;
  const field = searchField(parts);
  addToggles(parts);
  addMore(parts);
  addKeys(parts);
  return {
    showMap(name) {
      if (map) map.value = projectionName(name);
    },
    showStep: (step) => steps?.set(step),
    showSearch(text) {
      field.value = text;
    },
  };
}

function mapSelect({ state, frame, actions }: Parts): HTMLSelectElement | null {
  const { offers } = state.data;
  if (offers.length < 2) return null;
  const choose = (name: string) => {
    frame.write("projection", name);
    actions.go(name, state.to.step);
  };
  const names = offers.map(projectionName);
  const element = frame.select(frame.toolbar, "map", names, projectionName(state.to.name), (text) =>
    choose(offers[names.indexOf(text)]),
  );
  const turn = () => {
    const next = offers.at(offers.indexOf(state.to.name) - 1) ?? offers[0];
    element.value = projectionName(next);
    choose(next);
  };
  // Without steps a clicker changes the map.
  if (state.data.stepNames.length < 2)
    frame.addKeys({ name: "next map", keys: "PageDown / PageUp", run: turn });
  return element;
}

function searchField({ state, frame, actions }: Parts): HTMLInputElement {
  const { captions, classes } = state.data;
  const field = make("input", {
    type: "search",
    class: "vk-input",
    placeholder: captions ? "search captions" : "search classes",
    "aria-label": "Search",
    value: frame.get("search"),
  });
  frame.listen(field, "input", () => {
    frame.write("search", field.value);
    actions.search();
  });
  if (captions || classes.length) frame.toolbar.append(field);
  return field;
}

/** Toggles of what this data has. */
function addToggles({ state, frame, plot }: Parts): void {
  const { data } = state;
  const add = (label: string, trait: string, key: string, set: (on: boolean) => void, hint: string) => {
    const changed = (on: boolean) => {
      frame.write(trait, on);
      set(on);
      plot.requestDraw();
    };
    const control = frame.toggle(frame.toolbar, label, frame.get(trait), changed, hint);
    frame.addKeys({ name: label, keys: key, run: () => control.element.click() });
    frame.watch(trait, control.set);
  };
  if (data.atlas)
    add("pictures", "show_thumbnails", "t", (on) => (state.showPictures = on), "Pictures as marks (t)");
  if (data.pairs) add("pairs", "show_pairs", "p", (on) => (state.showPairs = on), "Lines between pairs (p)");
  if (data.gaps)
    add("gap", "show_gap", "g", (on) => (state.showGap = on), "From the mean image to the mean text (g)");
}

function addMore({ state, frame, actions, plot, canvas }: Parts): void {
  const more = frame.more();
  const lasso = frame.toggle(
    more.panel,
    "lasso",
    false,
    (on) => {
      state.lassoTool = on;
      canvas.style.cursor = on ? "crosshair" : "";
    },
    "Draw around points to select them (l, or shift-drag)",
  );
  frame.addKeys({ name: "lasso", keys: "l", run: () => lasso.element.click() });
  if (state.data.classes.length) {
    const names = frame.toggle(
      more.panel,
      "names",
      false,
      (on) => {
        state.showNames = on;
        plot.requestDraw();
      },
      "The classes' names on the map (n)",
    );
    frame.addKeys({ name: "names", keys: "n", run: () => names.element.click() });
  }
  for (const [label, field] of [
    ["size", "pointSize"],
    ["opacity", "opacity"],
  ] as const)
    frame.slider(more.panel, {
      label,
      min: 0.25,
      max: 4,
      value: 1,
      log: true,
      format: times,
      changed(value) {
        state[field] = value;
        actions.moved();
      },
    });
  frame.button(more.panel, "reset view", actions.reset, "Show all points (0, or double click)");
  frame.listen<KeyboardEvent>(frame.root, "keydown", ({ key }) => {
    if (key !== "Escape") return;
    state.lasso = null;
    if (state.lassoTool) lasso.set(false);
    actions.hover(-1);
    actions.select([]);
  });
}

function addKeys({ state, frame, actions }: Parts): void {
  const walks: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  const arrows = Object.keys(walks).join(" / ");
  const select = () => actions.select(state.hovered < 0 ? [] : [state.hovered]);
  frame.addKeys(
    { name: "walk to the next point", keys: arrows, run: ({ key }) => actions.walk(...walks[key]) },
    { name: "select the point", keys: "Enter", run: select },
    { name: "zoom in", keys: "+ / =", run: () => actions.zoomBy(1.4) },
    { name: "zoom out", keys: "- / _", run: () => actions.zoomBy(1 / 1.4) },
    { name: "show all", keys: "0", run: actions.reset },
  );
}
