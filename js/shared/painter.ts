import { contextOf, make } from "./dom.ts";
import type { Scope } from "./scope.ts";
import type { Theme } from "./theme.ts";

export interface Surface {
  canvas: HTMLCanvasElement;
  context: CanvasRenderingContext2D;
  /** Size in CSS pixels, before any scaling of an ancestor. */
  width: number;
  height: number;
  requestDraw(): void;
}

/** Paints a surface; may change the canvas's size and return true to begin again. */
export type Paint = (surface: Surface) => boolean | void;

/** What a surface shows: it is painted again where one of these is another than the last time. Its size, the screen's
 * sharpness and the theme need not be among them. Without it, a surface is painted in every picture. */
export type Shows = () => readonly unknown[];

export interface Painter {
  /** Draws every surface now: for a first picture, which need not wait for a frame. */
  draw(): void;
  /** Draws every surface once, before the next frame, however often it is called. */
  requestDraw(): void;
  /** A canvas as sharp as the screen, repainted on resize, zoom, theme change and `requestDraw`. */
  surface(
    theme: Theme,
    parent: HTMLElement,
    label: string,
    paint: Paint,
    attributes?: Record<string, string>,
    shows?: Shows,
  ): Surface;
  /** Calls back when all surfaces are painted: for what is no canvas. Between them, a text that changes would make the
   * browser lay out the page once for each canvas that is asked for its size. */
  afterDraw(step: () => void): void;
}

export function openPainter(scope: Scope): Painter {
  const surfaces = new Set<() => void>();
  const afterwards: (() => void)[] = [];
  let frame = 0;
  const draw = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    for (const paint of surfaces) paint();
    for (const step of afterwards) step();
  };
  const requestDraw = () => {
    frame ||= requestAnimationFrame(draw);
  };
  scope.onClose(() => {
    cancelAnimationFrame(frame);
    surfaces.clear();
    afterwards.length = 0;
  });
  watchPixelRatio(scope, requestDraw);
  return {
    draw,
    requestDraw,
    afterDraw: (step) => {
      afterwards.push(step);
    },
    surface(theme, parent, label, paint, attributes = {}, shows) {
      const canvas = make("canvas", { class: "vk-canvas", role: "img", "aria-label": label, ...attributes });
      const surface: Surface = {
        canvas,
        context: contextOf(canvas, "data-processor" in attributes),
        width: 0,
        height: 0,
        requestDraw,
      };
      parent.append(canvas);
      let shown: readonly unknown[] = [];
      const run = () => {
        if (!hasPlace(surface)) return;
        if (shows) {
          const next = [surface.width, surface.height, window.devicePixelRatio, theme.version(), ...shows()];
          const same = next.length === shown.length && next.every((value, at) => Object.is(value, shown[at]));
          if (same) return;
          shown = next;
        }
        clear(surface);
        if (!paint(surface)) return;
        shown = [];
        run();
      };
      surfaces.add(run);
      scope.onResize(canvas, () => {
        theme.forget();
        requestDraw();
      });
      return surface;
    },
  };
}

/** Reads a canvas's size; false where it has no place. */
function hasPlace(surface: Surface): boolean {
  const { clientWidth: width, clientHeight: height } = surface.canvas;
  if (!width || !height) return false; // not on the page yet, or in a folded output
  surface.width = width;
  surface.height = height;
  return true;
}

/** Gives a canvas the pixels that its place on the screen has, all empty. */
function clear({ canvas, context, width, height }: Surface): void {
  const ratio = window.devicePixelRatio || 1;
  const pixelWidth = Math.round(width * ratio);
  const pixelHeight = Math.round(height * ratio);
  if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
    canvas.width = pixelWidth;
    canvas.height = pixelHeight;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
}

/** The browser's zoom, and a move to another screen, change no element's size in CSS pixels. */
function watchPixelRatio(scope: Scope, changed: () => void): void {
  let stop = () => {};
  const watch = () => {
    const query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    const listener = () => {
      stop();
      watch();
      changed();
    };
    query.addEventListener("change", listener);
    stop = () => query.removeEventListener("change", listener);
  };
  watch();
  scope.onClose(() => stop());
}
