import { type Frame, pointerWithin } from "../shared/frame.ts";
import { openMoves } from "../shared/gestures.ts";

/** A place on an element, from 0 to 1 each way. */
export interface Spot {
  x: number;
  y: number;
}

export interface Pointers {
  /** The pointer stands here, or a finger has tapped here; null when the pointer has gone. */
  inspect(at: Spot | null): void;
  /** A click, or a long press. */
  pin(at: Spot): void;
}

const LONG_PRESS = 500;
const STEADY = 10;

/** What a mouse, a pen or one finger does on the picture. A swipe scrolls the page, unless the picture has the focus,
 * which a tap gives it: then it moves the query. */
export function followPointers(frame: Frame, canvas: HTMLCanvasElement, { inspect, pin }: Pointers): void {
  let start: PointerEvent | null = null;
  let fingers = 0;
  let held = false;
  let cancelPress = () => {};
  const hasMoved = openMoves();
  const on = (type: string, handler: (event: PointerEvent) => void) => frame.listen(canvas, type, handler);
  const place = (event: PointerEvent) => pointerWithin(event, canvas);
  on("pointerdown", (event) => {
    held = false;
    if (event.pointerType !== "touch") return;
    start = event;
    fingers++;
    cancelPress();
    if (fingers > 1) return;
    cancelPress = frame.later(() => {
      held = true;
      pin(place(event));
    }, LONG_PRESS);
  });
  on("pointermove", (event) => {
    if (event.pointerType !== "touch") {
      if (hasMoved(event)) inspect(place(event));
      return;
    }
    if (!start || Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < STEADY) return;
    cancelPress();
    if (fingers === 1) inspect(place(event));
  });
  const lifted = (event: PointerEvent) => {
    cancelPress();
    if (event.pointerType === "touch") fingers = 0;
  };
  on("pointerup", lifted);
  on("pointercancel", lifted);
  on("pointerleave", (event) => {
    if (event.pointerType !== "touch" && hasMoved(event)) inspect(null);
  });
  on("click", (event) => {
    if (event.pointerType !== "touch") pin(place(event));
    else if (!held) inspect(place(event));
  });
  // A long press is no wish for the browser's menu.
  frame.listen(canvas, "contextmenu", (event) => {
    if (fingers || held) event.preventDefault();
  });
}
