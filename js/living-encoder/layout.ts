import { make } from "../shared/dom.ts";
import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";

const GAP = 18;
/** Room that the picture takes at most in a page, in pixels. */
const LARGEST = 520;

export interface Places {
  /** The picture and the tools under it. */
  main: HTMLElement;
  /** What the encoder answers. */
  aside: HTMLElement;
  /** The tour, above both. */
  top: HTMLElement;
}

export function makePlaces(frame: Frame): Places {
  const top = make("div", { class: "vk-top" });
  const main = make("div", { class: "vk-main" });
  const aside = make("div", { class: "vk-aside" });
  frame.stage.append(top, main, aside);
  return { top, main, aside };
}

export interface Fitted {
  places: Places;
  canvas: HTMLCanvasElement;
  tools: HTMLElement;
  captions: HTMLElement;
  heads: { element: HTMLElement; fit(width: number): void; ratio: number };
  norms: { element: HTMLElement; fit(width: number, height: number): void };
  input: { element: HTMLElement; fit(width: number): void };
}

/** Gives the picture and the panels their room. */
export function followLayout(frame: Frame, parts: Fitted): () => void {
  const { places, canvas, tools } = parts;
  const layout = () => {
    const width = frame.stage.clientWidth;
    if (!width) return;
    const unit = frame.scale();
    const full = frame.fillsRoom();
    const beside = width >= 640 * unit;
    // On a stage the picture has the whole height, and the tools stand beside it.
    const home = full && beside ? places.aside : places.main;
    if (tools.parentElement !== home)
      home.insertBefore(tools, home === places.aside ? home.firstChild : null);
    // Below the picture: the legend and the tools.
    const below = places.main.offsetHeight - canvas.offsetHeight;
    const high = full ? frame.heightBelow(places.main) - below : LARGEST * unit;
    const side = Math.floor(
      Math.max(240, beside ? Math.min((full ? 0.54 : 0.5) * width, high) : Math.min(width, high)),
    );
    Object.assign(canvas.style, { width: `${side}px`, height: `${side}px` });
    places.main.style.width = beside ? `${side}px` : "100%";
    const left = beside ? width - side - GAP : width;
    places.aside.style.width = `${left}px`;
    fitPanels(parts, left, unit, full && beside ? frame.heightBelow(places.aside) : Number.POSITIVE_INFINITY);
    frame.requestDraw();
  };
  frame.onResize(frame.stage, layout);
  frame.onResize(places.top, layout);
  frame.onResize(tools, layout);
  frame.onFullScreen(layout);
  frame.listen(window, "resize", layout);
  return layout;
}

/** The maps of all heads beside the chart; below each other where that is too narrow. */
function fitPanels(
  { places, captions, tools, heads, norms, input }: Fitted,
  width: number,
  unit: number,
  height: number,
): void {
  const abreast = width >= 400 * unit;
  const above = captions.offsetHeight + (tools.parentElement === places.aside ? tools.offsetHeight : 0);
  const rest = height - above - 60 * unit;
  const most = Math.max(150 * unit, (rest - 20 * unit) / heads.ratio);
  const wide = Math.min(abreast ? 0.58 * width : width, 520 * unit, most);
  heads.fit(wide);
  heads.element.style.width = `${Math.round(wide)}px`;
  const beside = abreast && !heads.element.hidden;
  const own = beside ? Math.min(width - wide - GAP, 420 * unit) : Math.min(width, 460 * unit);
  norms.element.parentElement!.style.width = `${Math.floor(own)}px`;
  // As high as the maps, together with what arrives.
  const high = beside ? clamp(120 * unit, wide * heads.ratio - 64 * unit, 240 * unit) : 190 * unit;
  norms.fit(own, high);
  input.fit(56 * unit);
}
