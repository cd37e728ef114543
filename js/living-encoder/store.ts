import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";
import type { Ablation, Facts } from "./engine.ts";
import { ALL_HEADS, shuffledOrder } from "./numbers.ts";
import { FIRST_SCENE, type Picture } from "./scene.ts";
import { type History, openHistory } from "./stage/history.ts";
import type { Pen } from "./stage/pen.ts";
import { type Ink, inkOf } from "./world/palette.ts";

/** What lies over the picture, and what people read of it. */
export const SHOWS = {
  attention: "attention",
  caption: "each patch’s answer",
  labels: "each patch’s label",
  covering: "effect of covering",
  nothing: "the picture alone",
} as const;
export type Show = keyof typeof SHOWS;

/** What this encoder has to show: a CNN has no attention. */
export const showsOf = ({ layers }: Facts) =>
  (Object.keys(SHOWS) as Show[]).filter((show) => show !== "attention" || layers > 0);

export type Tool = "move" | "paint" | "erase";

/** What is switched off. */
export interface Off {
  /** As `headKey(layer, head)`. */
  heads: ReadonlySet<string>;
  layers: ReadonlySet<number>;
  positions: "kept" | "none" | "shuffled";
  stem: NonNullable<Ablation["stem"]>;
}

export const NOTHING_OFF: Off = { heads: new Set(), layers: new Set(), positions: "kept", stem: "whole" };

export interface Brush {
  /** Index of the colour, and what it is on a light ground. */
  color: number;
  ink: Ink;
  width: number;
}

export const THINNEST = 0.02;
export const THICKEST = 0.3;

export const brushOf = (color: number, width: number): Brush => ({
  color,
  ink: inkOf(color, 0),
  width: clamp(THINNEST, width, THICKEST),
});

export interface State {
  picture: Picture;
  /** Index of the chosen object, −1 for none. */
  chosen: number;
  tool: Tool;
  brush: Brush;
  /** Where the keyboard's pen is; null before it was used. */
  pen: Pen | null;
  /** Tokens whose attention is on view: where the pointer is, what was pinned; −1 for none. */
  hover: number;
  pinned: number;
  show: Show;
  /** After so many layers: 0 is what the stem gave. */
  depth: number;
  head: number;
  captions: readonly string[];
  /** Index of the caption (or label) that the maps speak of. */
  caption: number;
  /** Which words the patches choose from. */
  words: number;
  off: Off;
  opacity: number;
}

export type Store = ReturnType<typeof openStore>;

interface Shared {
  state: State;
  history: History<Picture>;
  /** What draws the views again. */
  views: Set<() => void>;
}

/** All views of one widget are of one state. */
const SHARED = new WeakMap<object, Shared>();

function sharedOf(frame: Frame, facts: Facts, model: object): Shared {
  const known = SHARED.get(model) ?? {
    state: firstState(frame, facts),
    history: openHistory(),
    views: new Set(),
  };
  SHARED.set(model, known);
  return known;
}

function firstState(frame: Frame, facts: Facts): State {
  return {
    picture: { scene: frame.get("scene") ?? FIRST_SCENE, strokes: [], photo: null },
    chosen: -1,
    tool: "move",
    brush: brushOf(0, 0.08),
    pen: null,
    hover: -1,
    pinned: -1,
    show: facts.layers ? "attention" : "caption",
    depth: facts.layers,
    head: ALL_HEADS,
    captions: frame.get("captions") ?? [],
    caption: 0,
    words: 0,
    off: NOTHING_OFF,
    opacity: 0.75,
  };
}

/** The state of a widget. Whoever changes it says so, and the next frame shows it in every view. */
export function openStore(frame: Frame, facts: Facts, model: object) {
  const { state, history, views } = sharedOf(frame, facts, model);
  views.add(frame.requestDraw);
  frame.onClose(() => void views.delete(frame.requestDraw));
  const set = (part: Partial<State>) => {
    Object.assign(state, part);
    for (const draw of views) draw();
  };
  const show = (picture: Picture) => {
    const count = picture.scene.objects.length;
    set({ picture, chosen: state.chosen < count ? state.chosen : -1 });
    frame.write("scene", picture.scene);
  };
  /** Whatever else happens to the picture, the line that is being drawn ends. */
  const lift = () => {
    if (state.pen?.down) state.pen = { ...state.pen, down: false };
  };
  const back = (picture: Picture | null) => {
    lift();
    if (picture) show(picture);
    return !!picture;
  };
  // From Python, or from a linked instrument; another view has put it into the state already.
  frame.watch("scene", (scene) => {
    if (scene !== state.picture.scene) set({ picture: { ...state.picture, scene: scene ?? FIRST_SCENE } });
  });
  frame.watch("captions", (texts: string[]) =>
    set({ captions: texts, caption: Math.min(state.caption, Math.max(0, texts.length - 1)) }),
  );
  return {
    state: state as Readonly<State>,
    set,
    /** Replaces the picture; edits of one `name` within a second are undone together. */
    edit(picture: Picture, name = "") {
      lift();
      history.keep(state.picture, name);
      show(picture);
    },
    /** Replaces the picture within a gesture that was kept already. */
    show,
    undo: () => back(history.undo(state.picture)),
    redo: () => back(history.redo(state.picture)),
    canUndo: history.canUndo,
    canRedo: history.canRedo,
    write(texts: readonly string[]) {
      set({ captions: texts, caption: Math.min(state.caption, Math.max(0, texts.length - 1)) });
      frame.write("captions", texts);
    },
    switchOff: (part: Partial<Off>) => set({ off: { ...state.off, ...part } }),
  };
}

export function isAnythingOff({ heads, layers, positions, stem }: Off): boolean {
  return heads.size > 0 || layers.size > 0 || positions !== "kept" || stem !== "whole";
}

/** The order of the patches while they are shuffled: always the same. */
export const orderOf = ({ grid }: Facts) => shuffledOrder(grid[0] * grid[1], 7);

export function ablationOf(off: Off, facts: Facts): Ablation {
  const positions = off.positions === "shuffled" ? orderOf(facts) : off.positions;
  return { heads: off.heads, layers: off.layers, positions, stem: off.stem };
}

/** A set with one more member, or one less. */
export function toggled<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}
