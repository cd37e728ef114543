import { choose, make, mark, setText } from "../../shared/dom.ts";
import type { Context } from "../context.ts";
import { headKey } from "../engine.ts";
import { FIRST_SCENE, type Picture } from "../scene.ts";
import { setBackground } from "../stage/edits.ts";
import { attentionLayer, headName } from "../stage/maps.ts";
import { choosePhoto } from "../stage/photo.ts";
import { type Off, toggled } from "../store.ts";
import { BACKGROUNDS } from "../world/palette.ts";

/** What is switched off and on, and what is needed rarely. */
export function openRare(context: Context, panel: HTMLElement): void {
  openSwitches(context, panel);
  openPicture(context, panel);
}

function openSwitches(context: Context, panel: HTMLElement): void {
  const { frame, facts, state, switchOff, onUpdate } = context;
  const group = make("div", { class: "vk-bar", role: "group", "aria-label": "switch off" });
  group.append(make("span", { class: "vk-small" }, "switch off:"));
  panel.append(group);
  const layer = () => attentionLayer(context);
  if (facts.layers) {
    const head = frame.toggle(group, "head", false, () => {
      if (state.head >= 0) switchOff({ heads: toggled(state.off.heads, headKey(layer(), state.head)) });
    });
    const block = frame.toggle(group, "layer", false, () => {
      switchOff({ layers: toggled(state.off.layers, layer()) });
    });
    onUpdate(() => {
      const none = state.head < 0;
      setText(head.element, none ? "head: choose one" : `${headName(state.head)} of layer ${layer() + 1}`);
      if (head.element.disabled !== none) head.element.disabled = none;
      mark(head.element, "aria-pressed", state.off.heads.has(headKey(layer(), state.head)));
      setText(block.element, `layer ${layer() + 1}`);
      mark(block.element, "aria-pressed", state.off.layers.has(layer()));
    });
  }
  if (facts.positions) {
    const names: Record<Off["positions"], string> = {
      kept: "kept",
      none: "switched off",
      shuffled: "shuffle the patches",
    };
    openChoice(context, group, "positions", names, "positions");
  }
  const stems: Record<string, string> = {
    whole: "whole",
    alone: "each patch by itself",
    off: "switched off",
  };
  if (facts.stem === "patch") delete stems.alone;
  openChoice(context, group, "stem", stems, "stem");
}

/** A choice of one part of what is off. */
function openChoice(
  { frame, state, switchOff, onUpdate }: Context,
  parent: HTMLElement,
  label: string,
  names: Record<string, string>,
  part: "positions" | "stem",
): void {
  const keys = Object.keys(names);
  const select = frame.select(parent, label, Object.values(names), names[state.off[part]], (name) =>
    switchOff({ [part]: keys.find((key) => names[key] === name) }),
  );
  onUpdate(() => {
    choose(select, names[state.off[part]]);
  });
}

function openPicture(context: Context, panel: HTMLElement): void {
  const { frame, state, edit, set, onUpdate } = context;
  const group = make("div", { class: "vk-bar", role: "group", "aria-label": "picture" });
  panel.append(group);
  const ground = frame.select(group, "background", BACKGROUNDS, BACKGROUNDS[0], (name) =>
    edit({ ...setBackground(state.picture, BACKGROUNDS.indexOf(name)), photo: null }),
  );
  frame.button(
    group,
    "Open a picture",
    () => choosePhoto(context),
    "A picture of your own; it stays in this browser",
  );
  const again: Picture = { scene: frame.get("scene") ?? FIRST_SCENE, strokes: [], photo: null };
  frame.button(group, "Start again", () => edit(again), "The first picture");
  const opacity = frame.slider(group, {
    label: "opacity",
    min: 0,
    max: 1,
    step: 0.05,
    value: state.opacity,
    format: (value) => `${Math.round(value * 100)}%`,
    changed: (value) => set({ opacity: value }),
  });
  onUpdate(() => {
    choose(ground, BACKGROUNDS[state.picture.scene.background]);
    opacity.set(state.opacity);
  });
}
