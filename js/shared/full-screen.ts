import type { Scope } from "./scope.ts";

/** Fills the screen with the root, or leaves it; without an argument, the other of the two. */
export type FullScreen = (on?: boolean) => void;

export function openFullScreen(root: HTMLElement, scope: Scope, changed: () => void): FullScreen {
  // In a shadow tree the document knows only the tree's host.
  const filling = () => (root.getRootNode() as Document | ShadowRoot).fullscreenElement;
  const set: FullScreen = (on = root.dataset.full !== "true") => {
    root.dataset.full = String(on);
    // A frame that forbids the Fullscreen API still gets an instrument that fills its window: the CSS does that.
    if (on) {
      // A page in full screen, such as a deck of slides, gives its place to the instrument for as long.
      if (filling() !== root) root.requestFullscreen?.().catch(() => {});
      root.focus({ preventScroll: true });
    } else if (filling() === root) document.exitFullscreen?.().catch(() => {});
    changed();
  };
  // The browser enters late: a second "f" may have come before.
  scope.listen(document, "fullscreenchange", () => set(filling() === root && root.dataset.full === "true"));
  return set;
}
