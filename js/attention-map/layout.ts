import { clamp } from "../shared/numbers.ts";
import type { Context } from "./context.ts";
import type { Panel } from "./panel.ts";
import type { PictureView } from "./picture-view.ts";

const GAP = 18;

/** One model's part of the instrument: its picture, and what stands beside it or below. */
export interface ModelView {
  box: HTMLElement;
  picture: PictureView;
  /** Height of a picture of width 1. */
  ratio: number;
  aside: HTMLElement;
  /** Legend, numbers, prefix tokens. */
  notes: HTMLElement;
  panels: Panel[];
}

/** The picture takes what it can; the panels share what it leaves. Returns what lays out again. */
export function openLayout({ frame, about }: Context, views: ModelView[]): () => void {
  const { stage, get, fillsRoom } = frame;
  /** The largest height of a picture. */
  const room = (): number => {
    if (fillsRoom()) return frame.heightBelow(frame.stage);
    return clamp(260, window.innerHeight * 0.7, 820);
  };
  const layout = () => {
    const wide = stage.clientWidth;
    const abreast = Math.floor((wide - GAP * (views.length - 1)) / views.length);
    // On a phone one model stands below the other.
    const own = abreast < 240 && !fillsRoom() ? wide : abreast;
    const photo = about.images[get("image_index")];
    if (own < 1) return;
    for (const view of views) {
      view.box.style.width = `${own}px`;
      place(view, own, room(), photo ? photo.height / photo.width : view.ratio);
    }
    frame.requestDraw();
  };
  const place = (view: ModelView, own: number, high: number, aspect: number) => {
    const { picture, aside, notes } = view;
    const full = fillsRoom();
    const unit = frame.scale();
    const pair = views.length > 1;
    const shown = view.panels.filter(({ name, useful }) => useful && get("panels").includes(name));
    const least = full ? Math.max(150, 0.145 * own) : Math.max(shown.length ? 0.38 * own : 0, 250 * unit);
    const alone = Math.min(own, high / aspect);
    const sharing = Math.min(own - GAP - least, high / aspect);
    // A wide picture is better off with the panels below it.
    const beside = !pair && own >= 600 * unit && (full || alone < 1.5 * sharing);
    aside.style.width = `${own}px`;
    const below = full && !beside ? high - notes.offsetHeight - GAP : high;
    const width = Math.floor(beside ? sharing : Math.min(own, below / aspect));
    const height = Math.round(width * aspect);
    Object.assign(picture.canvas.style, { width: `${width}px`, height: `${height}px` });
    const left = beside ? own - width - GAP : own;
    aside.style.width = `${left}px`;
    const rest = (beside ? high : high - height) - notes.offsetHeight - 14;
    for (const panel of view.panels) panel.element.hidden = !shown.includes(panel) || (full && pair);
    if (full && !pair) fitTight(shown, left, rest);
    if (!full) fitLoose(shown, left, beside ? Math.max(rest, 300 * unit) : 0.8 * high, beside);
  };
  /** In full screen nothing scrolls: what has no room is not there. */
  const fitTight = (panels: Panel[], width: number, height: number) => {
    const least = 110 * frame.scale();
    const abreast = width > 1.2 * height && panels.length > 1;
    const count = abreast ? 2 : Math.min(panels.length, Math.floor(height / least));
    let [wide, high] = [width, height];
    panels.forEach((panel, index) => {
      panel.element.hidden = index >= count || width < 120 || height < least;
      if (panel.element.hidden) return;
      const share = index < count - 1 ? 0.62 : 1;
      if (abreast) panel.fit(share * wide, height, true);
      else panel.fit(width, Math.max(least, share * high) - 14, true);
      wide -= panel.element.offsetWidth + GAP;
      high -= panel.element.offsetHeight + 14;
    });
  };
  const fitLoose = (panels: Panel[], width: number, height: number, beside: boolean) => {
    const unit = frame.scale();
    const stacked = beside && panels.length > 1 && width < 600 * unit;
    let left = width;
    for (const panel of panels) {
      const second = panel.name === "distance";
      const wide = second && left > 260 * unit ? left : width;
      panel.fit(wide, (stacked ? (second ? 0.38 : 0.62) : 1) * height, false);
      left = width - panel.element.offsetWidth - GAP;
    }
  };
  frame.onResize(stage, layout);
  frame.onFullScreen(layout);
  frame.listen(window, "resize", layout);
  return layout;
}
