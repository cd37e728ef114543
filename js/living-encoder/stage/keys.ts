import type { Shortcut } from "../../shared/keyboard.ts";
import type { Context } from "../context.ts";
import { headKey } from "../engine.ts";
import { showsOf, toggled } from "../store.ts";
import { add, addStroke, cycle, remove, resize, turn } from "./edits.ts";
import { attentionLayer } from "./maps.ts";
import { step } from "./pointer.ts";

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

function editing(context: Context, canvas: HTMLCanvasElement): Shortcut[] {
  const { state, edit, set, undo, redo } = context;
  const chosen = () => state.picture.scene.objects[state.chosen];
  const cycled = (part: "color" | "shape" | "style") => () => {
    if (chosen()) edit(cycle(state.picture, state.chosen, part));
  };
  const scaled = (factor: number) => {
    if (chosen())
      edit(resize(state.picture, state.chosen, chosen().radius * factor), `scale ${state.chosen}`);
  };
  const turned = (angle: number) => {
    if (chosen()) edit(turn(state.picture, state.chosen, chosen().rotation + angle), `turn ${state.chosen}`);
  };
  const next = () => {
    const count = state.picture.scene.objects.length;
    set({ chosen: state.chosen + 1 < count ? state.chosen + 1 : -1 });
    canvas.focus({ preventScroll: true });
  };
  const dab = () => {
    // Paint, or erase, at the patch that asks.
    const { facts, query } = context;
    if (state.tool === "move") return next();
    const patch = Math.max(0, query() - facts.prefix);
    const [row, column] = [Math.floor(patch / facts.grid[1]), patch % facts.grid[1]];
    const points = [(column + 0.5) / facts.grid[1], (row + 0.5) / facts.grid[0]];
    const ink = state.tool === "erase" ? "ground" : state.brush.ink;
    edit(addStroke(state.picture, { points, width: state.brush.width, ink }));
  };
  return [
    {
      name: "move the chosen object (Shift: further), or the patch that asks",
      keys: "ArrowLeft / ArrowRight / ArrowUp / ArrowDown",
      run: ({ key, shiftKey }) => step(context, ...ARROWS[key], shiftKey ? COARSE : FINE),
    },
    { name: "choose the next object", keys: "n", run: next },
    { name: "the same; with brush or eraser, paint a dot", keys: " ", run: dab },
    {
      name: "larger, smaller",
      keys: "+ / = / -",
      run: ({ key }) => scaled(key === "-" ? 1 / 1.1 : 1.1),
    },
    {
      name: "turn left, turn right",
      keys: ", / .",
      run: ({ key }) => turned(((key === "," ? -1 : 1) * Math.PI) / 24),
    },
    { name: "next colour", keys: "c", run: cycled("color") },
    { name: "next shape", keys: "s", run: cycled("shape") },
    { name: "next style", keys: "y", run: cycled("style") },
    {
      name: "add an object",
      keys: "a",
      run: () => {
        edit(add(state.picture));
        set({ chosen: state.picture.scene.objects.length - 1, tool: "move" });
      },
    },
    {
      name: "delete the chosen object",
      keys: "Delete / Backspace",
      run: () => {
        if (chosen()) edit(remove(state.picture, state.chosen));
      },
    },
    { name: "undo, redo", keys: "u / r", run: ({ key }) => void (key === "u" ? undo() : redo()) },
  ];
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
