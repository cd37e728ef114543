import type { Frame } from "./frame.ts";

export interface Zoomed {
  /** Zooms in (factor above 1) or out around an event's place; false where there is no further to go. */
  zoom(factor: number, at: { clientX: number; clientY: number }): boolean;
}

/** What all canvases take alike. A wheel scrolls the page unless the canvas has the focus or Ctrl is held, as a
 * trackpad's pinch reports it; two fingers zoom; one finger scrolls the page until the canvas has the focus. */
export function pinchable(frame: Frame, canvas: HTMLCanvasElement, { zoom }: Zoomed): void {
  const focused = () => (canvas.getRootNode() as Document | ShadowRoot).activeElement === canvas;
  frame.listen<WheelEvent>(
    canvas,
    "wheel",
    (event) => {
      if (!event.ctrlKey && !focused()) return;
      const pixels = event.deltaY * (event.deltaMode ? 30 : 1);
      if (zoom(Math.exp(-Math.max(-200, Math.min(pixels, 200)) / 300), event)) event.preventDefault();
    },
    { passive: false },
  );
  canvas.style.touchAction = "pan-x pan-y";
  frame.listen(canvas, "focus", () => {
    canvas.style.touchAction = "none";
  });
  frame.listen(canvas, "blur", () => {
    canvas.style.touchAction = "pan-x pan-y";
  });
  const fingers = new Map<number, PointerEvent>();
  let apart = 0;
  frame.listen<PointerEvent>(canvas, "pointerdown", (event) => {
    if (event.pointerType === "touch") fingers.set(event.pointerId, event);
    apart = 0;
  });
  frame.listen<PointerEvent>(canvas, "pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (fingers.size !== 2) return;
    const [a, b] = [...fingers.values()];
    const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
    if (!apart) apart = now;
    // In steps, so that a trembling hand does nothing.
    if (now / apart > 1.15 || now / apart < 0.87) {
      zoom(now / apart, middle);
      apart = now;
    }
  });
  const lifted = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    apart = 0;
  };
  for (const type of ["pointerup", "pointercancel"]) frame.listen<PointerEvent>(canvas, type, lifted);
}

/** Tells a pointer that moved from a page that moved under it: a browser reports both, and where somebody walks by
 * keys the second must not take the place away. */
export function openMoves(): (event: PointerEvent) => boolean {
  let last = "";
  return ({ screenX, screenY }) => {
    const place = `${screenX} ${screenY}`;
    const moved = place !== last;
    last = place;
    return moved;
  };
}
