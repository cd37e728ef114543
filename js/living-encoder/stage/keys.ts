import type { Shortcut } from "../../shared/keyboard.ts";
import type { Context } from "../context.ts";
import { headKey } from "../engine.ts";
import type { Picture, Thing } from "../scene.ts";
import { brushOf, showsOf, type Tool, toggled } from "../store.ts";
import { COLORS } from "../world/palette.ts";
import { add, cycle, remove, resize, turn } from "./edits.ts";
import { attentionLayer } from "./maps.ts";
import { movePen, penOf, press, take } from "./pen.ts";
import { choosePhoto } from "./photo.ts";
import { step } from "./pointer.ts";

/** The stage says what it can do without a pointer: for `aria-description` and `aria-keyshortcuts`. */
export const BY_KEYBOARD =
  "n chooses an object, the arrows move it, comma and full stop turn it, plus and minus scale it, c, s and y change its colour, shape and style, Delete removes it, a adds one. b takes the brush and e the eraser: the arrows move it, space puts it down and the arrows draw. u undoes, p opens a picture, the question mark lists all keys.";
export const SHORTCUTS =
  "N A C S Y M B E U R P Plus Minus Comma Period Delete Space Enter Control+Z Control+V";

/** A pixel of the encoder's picture, and with Shift a patch. */
const FINE = 1 / 64;
const COARSE = 1 / 8;
const ARROWS: Record<string, [dx: number, dy: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** What the keys do, on the stage and everywhere in the instrument but in a control that needs them. */
export function followKeys(context: Context, canvas: HTMLCanvasElement, turn: (by: number) => boolean): void {
  const { frame, undo, redo } = context;
  frame.addKeys(...editing(context, canvas), ...looking(context, turn));
  frame.listen<KeyboardEvent>(canvas, "keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    // JupyterLab would take back what was typed into a cell.
    event.stopPropagation();
    if (event.shiftKey) redo();
    else undo();
  });
}

/** What the arrows, space, and the keys for colour and size do depends on the tool in the hand. */
function editing(context: Context, canvas: HTMLCanvasElement): Shortcut[] {
  const { state, set, undo, redo } = context;
  const object = onObject(context);
  const brush = onBrush(context);
  const paints = () => state.tool !== "move";
  const next = () => {
    const count = state.picture.scene.objects.length;
    set({ chosen: state.chosen + 1 < count ? state.chosen + 1 : -1 });
    canvas.focus({ preventScroll: true });
  };
  const tools: Record<string, Tool> = { m: "move", b: "paint", e: "erase" };
  const arrow = ({ key, shiftKey }: KeyboardEvent) => {
    const [dx, dy] = ARROWS[key];
    const far = shiftKey ? COARSE : FINE;
    if (paints()) movePen(context, dx * far, dy * far);
    else step(context, dx, dy, far);
  };
  return [
    {
      name: "move the chosen object, or the patch that asks, or the brush; Shift: further",
      keys: "ArrowLeft / ArrowRight / ArrowUp / ArrowDown",
      run: arrow,
    },
    { name: "choose the next object", keys: "n", run: next },
    {
      name: "put brush or eraser down, so that the arrows draw, or lift it; else the next object",
      keys: " ",
      run: () => (paints() ? press(context) : next()),
    },
    {
      name: "move, brush, eraser",
      keys: "m / b / e",
      run: ({ key }) => {
        take(context, tools[key]);
        // A button that was pressed would keep the space bar.
        canvas.focus({ preventScroll: true });
        if (paints()) set({ pen: penOf(context) });
      },
    },
    {
      name: "larger, smaller",
      keys: "+ / = / -",
      run: ({ key }) => (paints() ? brush : object).scale(key === "-" ? 1 / 1.1 : 1.1),
    },
    {
      name: "turn left, turn right",
      keys: ", / .",
      run: ({ key }) => object.turn(((key === "," ? -1 : 1) * Math.PI) / 24),
    },
    { name: "next colour", keys: "c", run: () => (paints() ? brush : object).recolour() },
    { name: "next shape", keys: "s", run: () => object.cycle("shape") },
    { name: "next style", keys: "y", run: () => object.cycle("style") },
    { name: "add an object", keys: "a", run: object.add },
    { name: "delete the chosen object", keys: "Delete / Backspace", run: object.remove },
    { name: "undo, redo", keys: "u / r", run: ({ key }) => void (key === "u" ? undo() : redo()) },
    {
      name: "open a picture of your own (or paste one)",
      keys: "p",
      run: () => choosePhoto(context),
    },
  ];
}

/** What is done with the chosen object; without one, nothing. */
function onObject({ state, edit, set }: Context) {
  const chosen = () => state.picture.scene.objects[state.chosen];
  const change = (next: (picture: Picture, index: number, thing: Thing) => Picture, name = "") => {
    if (chosen()) edit(next(state.picture, state.chosen, chosen()), name && `${name} ${state.chosen}`);
  };
  return {
    scale: (factor: number) => change((from, at, { radius }) => resize(from, at, radius * factor), "scale"),
    turn: (angle: number) => change((from, at, { rotation }) => turn(from, at, rotation + angle), "turn"),
    recolour: () => change((from, at) => cycle(from, at, "color")),
    cycle: (part: "shape" | "style") => change((from, at) => cycle(from, at, part)),
    remove: () => change(remove),
    add() {
      edit(add(state.picture));
      set({ chosen: state.picture.scene.objects.length - 1, tool: "move" });
    },
  };
}

function onBrush({ state, set }: Context) {
  const { length } = COLORS;
  return {
    scale: (factor: number) => set({ brush: brushOf(state.brush.color, state.brush.width * factor) }),
    recolour: () => set({ brush: brushOf((state.brush.color + 1) % length, state.brush.width) }),
  };
}

function looking(context: Context, turn: (by: number) => boolean): Shortcut[] {
  const { state, facts, set, switchOff, query } = context;
  const shows = showsOf(facts);
  /** A clicker goes through the tour, or through what is shown over the picture. */
  const turnPage = (by: number) => {
    if (turn(by)) return;
    const at = shows.indexOf(state.show) + by;
    set({ show: shows[(at + shows.length) % shows.length] });
  };
  return [
    {
      name: "pin the patch that asks, or let it go",
      keys: "Enter",
      run: () => set({ pinned: state.pinned >= 0 ? -1 : query() }),
    },
    { name: "show the next, the last over the picture", keys: "PageDown", run: () => turnPage(1) },
    { name: "show the one before", keys: "PageUp", run: () => turnPage(-1) },
    {
      name: "layer before, next layer",
      keys: "[ / ]",
      run: ({ key }) =>
        set({ depth: Math.max(0, Math.min(facts.layers, state.depth + (key === "[" ? -1 : 1))) }),
    },
    {
      name: "next head",
      keys: "h",
      run: () => set({ head: state.head + 1 < facts.heads ? state.head + 1 : -1 }),
    },
    {
      name: "switch the head on view off, or on",
      keys: "o",
      run: () => {
        if (state.head < 0 || !facts.layers) return;
        const key = headKey(attentionLayer(context), state.head);
        switchOff({ heads: toggled(state.off.heads, key) });
      },
    },
    {
      name: "choose a caption",
      keys: "1 / 2 / 3 / 4 / 5 / 6 / 7 / 8 / 9",
      run: ({ key }) => {
        const count = context.answers.main().names.length;
        set({ caption: Math.min(count - 1, Number(key) - 1) });
      },
    },
  ];
}
