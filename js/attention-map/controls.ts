import { make } from "../shared/dom.ts";
import type { Context } from "./context.ts";
import { MODES, ONE_HEAD, ROLLOUT } from "./selection.ts";

export type Controls = ReturnType<typeof openControls>;

/** The controls. Each sets a trait; a change from Python or from a link comes back to it. */
export function openControls(context: Context, panels: string[], changed: () => void) {
  const { frame, about, depth, mostHeads } = context;
  const { toolbar, get, write, watch } = frame;
  const shows: (() => void)[] = [];
  const update = () => {
    for (const show of shows) show();
    changed();
  };
  /** Returns what sets a trait; `show` brings its control up to date. */
  const bind = (name: string, show: (value: any) => void) => {
    shows.push(() => show(get(name)));
    watch(name, update);
    return (value: unknown) => {
      write(name, value);
      update();
    };
  };
  const modes = MODES.filter((mode) => {
    if (mode === ROLLOUT) return about.sides.every((side) => side.rollout);
    return mode === ONE_HEAD || mostHeads > 1;
  });
  const setLayer = layerControl(context, bind);
  const setHead = headControl(context, bind);
  const select = modes.length > 1 && frame.select(toolbar, "show", modes, get("mode"), (v) => setMode(v));
  const setMode = bind("mode", (value) => {
    if (select) select.value = value;
  });
  const setImage = thumbnails(context, bind);
  // A single map has so few controls that all stand in the one row.
  const rare = depth * mostHeads > 1 ? frame.more(changed).panel : toolbar;
  return {
    modes,
    setLayer,
    setHead,
    setMode,
    setImage,
    setSmooth: rareControls(context, panels, rare, bind),
    setDirection: directionControl(context, rare, bind),
  };
}

type Bind = (name: string, show: (value: any) => void) => (value: unknown) => void;

function layerControl({ frame, word, depth, shortLayer }: Context, bind: Bind) {
  const slider =
    depth > 1
      ? frame.slider(frame.toolbar, {
          label: word,
          min: 0,
          max: depth - 1,
          step: 1,
          value: frame.get("layer"),
          format: (value) => shortLayer(0, Math.round(value)),
          changed: (value) => set(Math.round(value)),
        })
      : null;
  const set = bind("layer", (value) => slider?.set(value));
  return set;
}

function headControl({ frame, mostHeads, shortHead }: Context, bind: Bind) {
  const slider =
    mostHeads > 1
      ? frame.slider(frame.toolbar, {
          label: "head",
          min: 0,
          max: mostHeads - 1,
          step: 1,
          value: frame.get("head"),
          format: (value) => shortHead(Math.round(value)),
          changed: (value) => set(Math.round(value)),
        })
      : null;
  const set = bind("head", (value) => slider?.set(value));
  // Over all heads there is none to choose.
  const show = () => {
    if (slider) slider.element.hidden = frame.get("mode") !== ONE_HEAD;
  };
  bind("mode", show);
  show();
  return set;
}

function directionControl({ frame, about }: Context, parent: HTMLElement, bind: Bind) {
  if (about.kind !== "attention") return () => {};
  const options = ["given", "received"];
  const select = frame.select(parent, "attention", options, frame.get("direction"), (value) => set(value));
  const set = bind("direction", (value) => {
    select.value = value;
  });
  return set;
}

function rareControls(context: Context, panels: string[], parent: HTMLElement, bind: Bind) {
  const { frame, photos, depth, mostHeads } = context;
  const { get } = frame;
  if (photos.length) {
    const opacity = frame.slider(parent, {
      label: "opacity",
      min: 0,
      max: 1,
      step: 0.05,
      value: get("opacity"),
      format: (value) => `${Math.round(value * 100)}%`,
      changed: (value) => setOpacity(value),
    });
    const setOpacity = bind("opacity", opacity.set);
  }
  if (depth * mostHeads > 1) {
    const scales = ["each map", "shared"];
    const select = frame.select(parent, "colours", scales, get("scale"), (value) => setScale(value));
    const setScale = bind("scale", (value) => {
      select.value = value;
    });
  }
  const { element } = frame.toggle(parent, "smooth", get("smooth"), (on) => setSmooth(on), "Interpolate (s)");
  const setSmooth = bind("smooth", (value) => element.setAttribute("aria-pressed", value));
  const toggles = panels.map((name) => {
    const flip = (on: boolean) =>
      setPanels(panels.filter((other) => (other === name ? on : get("panels").includes(other))));
    return { name, ...frame.toggle(parent, name, get("panels").includes(name), flip, `Show ${name}`) };
  });
  const setPanels = bind("panels", (value) => {
    for (const { name, element } of toggles)
      element.setAttribute("aria-pressed", String(value.includes(name)));
  });
  return setSmooth;
}

/** A row of the pictures; returns what chooses one. */
function thumbnails({ frame, about }: Context, bind: Bind) {
  const { toolbar, get } = frame;
  const buttons = about.images.map(({ url }, index) => {
    const picture = make("img", { src: url, alt: `picture ${index + 1}` });
    const button = make("button", { type: "button", class: "vk-thumb" }, picture);
    frame.listen(button, "click", () => set(index));
    return button;
  });
  const show = () =>
    buttons.forEach((button, index) =>
      button.setAttribute("aria-pressed", String(index === get("image_index"))),
    );
  show();
  if (buttons.length > 1) toolbar.before(make("div", { class: "vk-bar vk-thumbs" }, ...buttons));
  const set = bind("image_index", show);
  return set;
}
