import type { Atlas } from "../shared/atlas.ts";
import { contextOf, make } from "../shared/dom.ts";
import type { Frame } from "../shared/frame.ts";
import { nameElement, shorten } from "../shared/name.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";
import type { Analysis, Matrix } from "./numbers.ts";
import { arePair, isImage, nameOf, type State, subjectOf, symbolOf } from "./state.ts";
import { SIMILARITY } from "./views.ts";

/** One row's or one column's scores, the largest first, with the hard negatives. */
export interface Ranking {
  element: HTMLElement;
  show(): void;
}

/** What there is to say of one entry. */
interface Entries {
  down: boolean;
  pinned: boolean;
  index: number;
  /** All scores of the row or column in this view. */
  scores: number[];
  /** Indices on show, the largest score first. */
  shown: number[];
  hard: number[];
  /** How many score at least as high as the right one. */
  above: number;
}

interface Line {
  item: HTMLElement;
  value: HTMLElement;
  bar: HTMLElement;
}

export function openRanking(
  state: State,
  frame: Frame,
  thumbnails: Atlas | null,
  ready: () => boolean,
): Ranking {
  const element = make("div", { class: "sm-ranking" });
  let listed = "";
  let lines: Line[] = [];
  const stamp = (index: number, size: number) =>
    thumbnails && picture(thumbnails, index, size * frame.scale());
  const show = () => {
    const { matrix, now } = state;
    if (!matrix || !now) return;
    const entries = entriesOf(state, matrix, now, entriesFor(frame, element));
    const { down, pinned, index, shown, hard, above, scores } = entries;
    // A slider moves the numbers far more often than the order: then the elements stay.
    const order = [
      down,
      pinned,
      index,
      symbolOf(state),
      frame.scale(),
      devicePixelRatio,
      ready(),
      shown,
      hard,
      above,
    ].join();
    if (order !== listed) {
      listed = order;
      lines = shown.map((k) => lineOf(state, entries, k, stamp));
      element.replaceChildren(...headOf(state, entries, stamp), listOf(state, lines));
      if (state.data.paired)
        element.append(make("div", { class: "vk-small sm-verdict" }, verdictOf(entries)));
    }
    const bound = Math.max(...shown.map((k) => Math.abs(scores[k])), 1e-300);
    const signed = shown.some((k) => scores[k] < 0);
    lines.forEach(({ item, value, bar }, n) => {
      const score = scores[shown[n]];
      item.dataset.value = String(score);
      value.textContent = formatNumber(score);
      place(bar, score / bound, signed);
    });
  };
  return { element, show };
}

function entriesOf(state: State, matrix: Matrix, now: Analysis, most: number): Entries {
  const { down, pinned, index } = subjectOf(state);
  const { paired, rows, columns } = state.data;
  const all = (view: State["view"]) =>
    Array.from({ length: down ? rows : columns }, (_, k) =>
      down ? view.value(matrix, now, k, index) : view.value(matrix, now, index, k),
    );
  const sorted = (by: number[]) => [...by.keys()].sort((p, q) => by[q] - by[p] || p - q);
  const scores = all(state.view);
  const plain = all(SIMILARITY);
  const others = sorted(state.view.signed ? scores.map(Math.abs) : scores);
  // Itself, with a cosine of 1, is no finding.
  const shown = others.filter((k) => !state.data.numImages || k !== index).slice(0, most);
  // A hard negative scores at least as high as the right one, or is one of the two closest below it.
  const rivals = paired ? sorted(plain).filter((k) => k !== index) : [];
  const above = rivals.filter((k) => plain[k] >= plain[index]).length;
  const hard = rivals.slice(0, Math.max(2, above));
  if (paired && !shown.includes(index)) shown[most - 1] = index;
  return { down, pinned, index, scores, shown, hard, above };
}

/** How many entries there is room for. */
function entriesFor(frame: Frame, element: Element): number {
  if (!frame.fillsRoom()) return 10;
  // The name above the list and the verdict below it take as much as four entries; on a slide, where words wrap more, five.
  const others = frame.isFull() ? 3.8 : 5;
  return clamp(1, Math.floor(frame.heightBelow(element) / (29 * frame.scale()) - others), 7);
}

/** Letters of the name above the list: two lines of the narrowest panel. */
const MOST_LETTERS = 44;

type Stamp = (index: number, size: number) => HTMLCanvasElement | null;

function headOf(state: State, { down, pinned, index }: Entries, stamp: Stamp): Node[] {
  const named = down || (state.data.paired && state.data.captions.length > 0);
  const kind = isImage(state, index, down) ? "image" : "text";
  const number = kind === "text" ? index - state.data.numImages : index;
  const about = `${kind} ${number}${pinned ? ", pinned" : ""} · ${symbolOf(state)}`;
  const title = nameOf(state, index, named);
  const words = make(
    "div",
    {},
    make("div", { class: "vk-strong", title }, shorten(title, MOST_LETTERS)),
    make("div", { class: "vk-small" }, about),
  );
  const head = make("div", { class: "sm-head" }, words);
  const image = isImage(state, index, down) ? stamp(index, 44) : null;
  if (image) head.prepend(image);
  return [head];
}

const listOf = (state: State, lines: Line[]) =>
  make(
    "ol",
    { class: "sm-list", "aria-label": `${symbolOf(state)}, sorted` },
    ...lines.map(({ item }) => item),
  );

function lineOf(state: State, { down, index, hard }: Entries, k: number, stamp: Stamp): Line {
  const right = down ? arePair(state, k, index) : arePair(state, index, k);
  const mark = right ? "✓ correct" : hard.includes(k) ? "hard negative" : "";
  const value = make("b");
  const bar = make("i");
  const name = nameElement(nameOf(state, k, !down));
  const track = make("div", { class: "sm-track" }, bar);
  const item = make("li", { class: right ? "sm-right" : mark && "sm-hard", "data-index": String(k) });
  const image = isImage(state, k, !down) ? stamp(k, LIST_THUMB) : null;
  if (image) item.append(image);
  item.append(make("div", { class: "sm-what" }, name, make("em", {}, mark), value, track));
  return { item, value, bar };
}

const LIST_THUMB = 28;

function verdictOf({ above, scores }: Entries): string {
  const said = above
    ? `${above} hard negative${above > 1 ? "s" : ""} at or above the right one`
    : "The right one scores highest";
  return `${said}; rank ${above + 1} of ${scores.length}.`;
}

/** A bar from zero: to the right for a positive score, to the left for a negative one. `share` is from −1 to 1. */
function place(bar: HTMLElement, share: number, signed: boolean): void {
  const half = signed ? 50 : 100;
  const zero = signed ? 50 : 0;
  const size = Math.abs(share) * half;
  bar.style.width = `${size}%`;
  bar.style.marginLeft = `${share < 0 ? zero - size : zero}%`;
}

/** A thumbnail as an element. */
function picture(thumbnails: Atlas, index: number, size: number): HTMLCanvasElement {
  const pixels = String(Math.round(size * (devicePixelRatio || 1)));
  const canvas = make("canvas", { width: pixels, height: pixels, style: `width:${size}px;height:${size}px` });
  thumbnails.draw(contextOf(canvas), index, 0, 0, Number(pixels));
  return canvas;
}
