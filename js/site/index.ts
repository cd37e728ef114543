// What a page of the course's site does by itself: theme, contents, charts, print. Runs first in the body, before
// anything is painted, so that a dark page is dark from its first frame on.
import { openCharts } from "./charts.ts";
import { followReading, openMenu } from "./contents.ts";
import { openTheme } from "./theme.ts";

const theme = openTheme();

/** On paper everything is open, drawn and light. */
function preparePrint(drawAll: () => void): void {
  let closed: HTMLDetailsElement[] = [];
  const set = (open: boolean) => {
    for (const fold of closed) fold.open = open;
    theme.print(open);
  };
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll<HTMLDetailsElement>(".page details:not([open])")];
    set(true);
    drawAll();
  });
  addEventListener("afterprint", () => set(false));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".theme")?.addEventListener("click", theme.toggle);
  if (document.body.matches(".deck")) return; // which draws its charts itself
  openMenu();
  followReading();
  preparePrint(openCharts());
});
