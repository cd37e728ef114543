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
  ): Surface;
}

export function openPainter(scope: Scope): Painter {
  const surfaces = new Set<() => void>();
  let frame = 0;
  const draw = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    for (const paint of surfaces) paint();
  };
  const requestDraw = () => {
    frame ||= requestAnimationFrame(draw);
  };
  scope.onClose(() => {
    cancelAnimationFrame(frame);
    surfaces.clear();
  });
  watchPixelRatio(scope, requestDraw);
  return {
    draw,
    requestDraw,
    surface(theme, parent, label, paint, attributes = {}) {
      const canvas = make("canvas", { class: "vk-canvas", role: "img", "aria-label": label, ...attributes });
      const surface: Surface = {
        canvas,
        context: contextOf(canvas, "data-processor" in attributes),
        width: 0,
        height: 0,
        requestDraw,
      };
      parent.append(canvas);
      const run = () => {
        if (fit(surface) && paint(surface)) run();
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

/** Gives a canvas the pixels that its place on the screen has; false where it has no place. */
function fit(surface: Surface): boolean {
  const { canvas, context } = surface;
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return false; // not on the page yet, or in a folded output
  const pixelWidth = Math.round(width * ratio);
  const pixelHeight = Math.round(height * ratio);
  if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
    canvas.width = pixelWidth;
    canvas.height = pixelHeight;
  }
  surface.width = width;
  surface.height = height;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return true;
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
