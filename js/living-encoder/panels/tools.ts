import { choose, hide, make, mark, setText } from "../../shared/dom.ts";
import type { Context } from "../context.ts";
import type { Thing } from "../scene.ts";
import { add, change, remove, resize, turn } from "../stage/edits.ts";
import { take } from "../stage/pen.ts";
import type { Tool } from "../store.ts";
import { brushOf, THICKEST, THINNEST } from "../store.ts";
import { COLORS, css, inkOf, SHAPES, STYLES } from "../world/palette.ts";

const TOOLS: [tool: Tool, name: string, hint: string][] = [
  ["move", "Move", "Drag, turn and scale the objects (m)"],
  ["paint", "Brush", "Paint over the picture (b); by keyboard: space puts it down, arrows draw"],
  ["erase", "Eraser", "Paint with what lies behind the objects (e); by keyboard as the brush"],
];

/** The tools under the picture, and what one can do with the chosen object or with the brush. */
export function openTools(context: Context, parent: HTMLElement): HTMLElement {
  const { frame, state, set, edit, undo, canUndo, onUpdate } = context;
  const bar = make("div", { class: "vk-bar vk-tools", role: "group", "aria-label": "tools" });
  const own = make("div", { class: "vk-bar vk-own" });
  const element = make("div", { class: "vk-toolbox" }, bar, own);
  parent.append(element);
  const tools = TOOLS.map(([tool, name, hint]) => ({
    tool,
    element: frame.button(bar, name, () => take(context, tool), hint),
  }));
  const addOne = () => {
    edit(add(state.picture));
    set({ tool: "move", chosen: state.picture.scene.objects.length - 1 });
  };
  frame.button(bar, "Add", addOne, "Add an object (a)");
  const back = frame.button(bar, "Undo", () => undo(), "Undo the last change (u)");
  const object = openObject(context, own);
  const brush = openBrush(context, own);
  const hint = make("span", { class: "vk-small" });
  own.append(hint);
  onUpdate(() => {
    for (const one of tools) mark(one.element, "aria-pressed", one.tool === state.tool);
    if (back.disabled === canUndo()) back.disabled = !canUndo();
    const chosen = state.picture.scene.objects[state.chosen];
    object.show(chosen);
    hide(brush, state.tool !== "paint");
    hide(hint, !!chosen || state.tool === "paint");
    const wipe = state.tool === "erase";
    setText(hint, wipe ? "Wipe parts of the picture away." : "Drag an object; click it to change it.");
  });
  return element;
}

function openObject({ frame, state, edit }: Context, parent: HTMLElement) {
  const element = make("div", {
    class: "vk-bar vk-object",
    role: "group",
    "aria-label": "the chosen object",
  });
  parent.append(element);
  const set = (part: Partial<Thing>) => edit(change(state.picture, state.chosen, part));
  const showColor = openSwatches(frame, element, (color) => set({ color }));
  const pick = (label: string, names: string[], part: "shape" | "style") =>
    frame.select(element, label, names, names[0], (name) => set({ [part]: names.indexOf(name) }));
  const shape = pick("shape", SHAPES, "shape");
  const style = pick("style", STYLES, "style");
  const thing = () => state.picture.scene.objects[state.chosen];
  const scale = (factor: number) =>
    edit(resize(state.picture, state.chosen, thing().radius * factor), `scale ${state.chosen}`);
  const rotate = (angle: number) =>
    edit(turn(state.picture, state.chosen, thing().rotation + angle), `turn ${state.chosen}`);
  const buttons = make("span", { class: "vk-buttons" });
  element.append(buttons);
  frame.button(buttons, "−", () => scale(1 / 1.15), "Smaller (-)");
  frame.button(buttons, "+", () => scale(1.15), "Larger (+)");
  frame.button(buttons, "⟲", () => rotate(-Math.PI / 12), "Turn left (,)");
  frame.button(buttons, "⟳", () => rotate(Math.PI / 12), "Turn right (.)");
  frame.button(
    buttons,
    "Delete",
    () => edit(remove(state.picture, state.chosen)),
    "Delete the object (Delete)",
  );
  return {
    show(now: Thing | undefined) {
      hide(element, !now);
      if (!now) return;
      showColor(now.color);
      choose(shape, SHAPES[now.shape]);
      choose(style, STYLES[now.style]);
    },
  };
}

/** A row of the nine colours; returns what shows which one is on. */
function openSwatches(frame: Context["frame"], parent: HTMLElement, chosen: (color: number) => void) {
  const row = make("span", { class: "vk-swatches", role: "group", "aria-label": "colour" });
  parent.append(row);
  const buttons = COLORS.map((name, color) => {
    const button = frame.button(row, "", () => chosen(color), name);
    button.classList.add("vk-swatch");
    button.style.background = css(inkOf(color, 0));
    return button;
  });
  return (on: number) => buttons.forEach((button, color) => mark(button, "aria-pressed", color === on));
}

function openBrush({ frame, state, set, onUpdate }: Context, parent: HTMLElement): HTMLElement {
  const element = make("div", { class: "vk-bar vk-object", role: "group", "aria-label": "brush" });
  parent.append(element);
  const show = openSwatches(frame, element, (color) => set({ brush: brushOf(color, state.brush.width) }));
  const width = frame.slider(element, {
    label: "width",
    min: THINNEST,
    max: THICKEST,
    step: 0.01,
    value: state.brush.width,
    format: (value) => `${Math.round(value * 100)}%`,
    changed: (value) => set({ brush: brushOf(state.brush.color, value) }),
  });
  onUpdate(() => {
    show(state.brush.color);
    width.set(state.brush.width);
  });
  return element;
}
