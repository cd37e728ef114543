import { contextOf, make } from "./dom.ts";
import { shorten } from "./name.ts";
import { clamp } from "./numbers.ts";

export interface TooltipPlace {
  clientX: number;
  clientY: number;
}

export type Picture = (context: CanvasRenderingContext2D, size: number) => void;

/** Shows lines (and, with `picture`, a drawing above them) beside a place, left of `right` if it can; null hides it.
 * `avoid` is the box on the screen that the lines speak of: it stays uncovered wherever there is room beside it. */
export type Tooltip = (
  lines: string[] | null,
  place?: TooltipPlace,
  picture?: Picture | null,
  right?: number,
  avoid?: DOMRect,
) => void;

const PICTURE_SIZE = 96;
/** Letters of a line: more would cover what they speak of. */
const MOST_LETTERS = 160;

export function openTooltip(root: HTMLElement, scale: () => number): Tooltip {
  const tip = make("div", { class: "vk-tip", hidden: "" });
  root.append(tip);
  return (lines, place, picture = null, right = Number.POSITIVE_INFINITY, avoid = undefined) => {
    tip.hidden = !lines;
    if (!lines || !place) return;
    tip.replaceChildren();
    if (picture) tip.append(drawn(picture, PICTURE_SIZE * scale()));
    const text = lines.map((line, index) =>
      make("div", { class: index ? "vk-small" : "vk-strong" }, shorten(line, MOST_LETTERS)),
    );
    tip.append(make("div", {}, ...text));
    put(tip, root, place, right, avoid);
  };
}

function drawn(picture: Picture, size: number): HTMLCanvasElement {
  const ratio = window.devicePixelRatio || 1;
  const pixels = String(Math.round(size * ratio));
  const canvas = make("canvas", { width: pixels, height: pixels, style: `width:${size}px;height:${size}px` });
  const context = contextOf(canvas);
  context.scale(ratio, ratio);
  picture(context, size);
  return canvas;
}

const GAP = 14;

/** Right of the place (or of the box to avoid) if there is room, else left of it, else below or above it. */
function put(tip: HTMLElement, root: HTMLElement, place: TooltipPlace, right: number, avoid?: DOMRect): void {
  const box = root.getBoundingClientRect();
  const shrink = box.width / root.offsetWidth || 1; // an ancestor may be scaled, as on a slide
  const covered = avoid ?? new DOMRect(place.clientX, place.clientY, 0, 0);
  const x = [covered.left, covered.right].map((edge) => (edge - box.left) / shrink);
  const y = [covered.top, covered.bottom].map((edge) => (edge - box.top) / shrink);
  const at = (place.clientY - box.top) / shrink;
  // Its own width, and not what a place near the edge left of it.
  tip.style.left = tip.style.top = "0";
  const { offsetWidth: width, offsetHeight: height } = tip;
  const { offsetWidth: across, offsetHeight: down } = root;
  const end = Math.min(across, (right - box.left) / shrink);
  const rightOf = x[1] + GAP;
  const leftOf = x[0] - width - GAP;
  const beside = rightOf + width <= end || leftOf >= 0;
  const [low, high] = beside ? [at, at] : [y[1], y[0]];
  const left = rightOf + width <= end ? rightOf : leftOf;
  const top = low + GAP + height > down ? high - GAP - height : low + GAP;
  tip.style.left = `${clamp(0, left, Math.max(0, across - width))}px`;
  tip.style.top = `${clamp(0, top, Math.max(0, down - height))}px`;
}
