import { type FullScreen, openFullScreen } from "../shared/full-screen.ts";
import type { Scope } from "../shared/scope.ts";

const TEXT = "line-height:1.5;color:var(--jp-ui-font-color1,inherit);";
export const PLAIN = `${TEXT}max-width:600px;margin:4px 0;font-size:14px`;
const FULL = `${TEXT}position:fixed;inset:0;z-index:9999;box-sizing:border-box;overflow:auto;padding:20px 28px;font-size:22px`;

export interface Presenter {
  full(): boolean;
  set: FullScreen;
}

/** The keys of the box: "f" fills the screen, Escape leaves it, a clicker's page keys then call `turn`. */
export function openPresenter(
  box: HTMLElement,
  picture: SVGSVGElement,
  scope: Scope,
  repaint: () => void,
  turn: (step: number) => void,
): Presenter {
  const full = () => box.dataset.full === "true";
  const set = openFullScreen(box, scope, () => {
    box.style.cssText = full() ? FULL : PLAIN;
    picture.style.height = full() ? "calc(100vh - 12em)" : "auto";
    repaint();
  });
  const keys: Record<string, () => void> = {
    Escape: () => set(false),
    PageDown: () => turn(1),
    PageUp: () => turn(-1),
  };
  box.addEventListener("keydown", (event: KeyboardEvent) => {
    if (event.key === "Escape" && !full()) return;
    // JupyterLab would take the keys that a button or slider leaves alone for its own commands.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const run = event.key === "f" ? () => set() : full() ? keys[event.key] : undefined;
    if (!run) return;
    event.preventDefault();
    run();
  });
  return { full, set };
}
