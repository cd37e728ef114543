import type { RevealApi } from "reveal.js";
import { make } from "../shared/dom.ts";

const STYLE = `
body { margin: 0; padding: 20px 28px; font: 20px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; }
header { display: flex; gap: 2em; color: #59626d; font-variant-numeric: tabular-nums; }
h1, h2, h3, h4 { font-size: 1.15em; margin: .6em 0 .3em; }
footer { margin-top: 1.4em; padding-top: .6em; border-top: 1px solid #dbe1e7; color: #59626d; }
@media (prefers-color-scheme: dark) { body { color: #e6e9ec; background: #111418; } header, footer { color: #a4adb8; } }`;

/** A window for the speaker: the notes of the slide on view, what comes next, and the time that has passed.
 *
 * reveal.js has one of its own, which asks for a server: pages opened as files may not speak with each other. This one
 * is written by the deck, so it works from a folder, and under the pages' policy, which lets no other script run. */
export function openSpeaker(deck: RevealApi): () => void {
  let view: Window | null = null;
  let began = 0;
  const show = () => {
    if (!view || view.closed) return;
    const slide = deck.getCurrentSlide();
    const all = deck.getSlides() as HTMLElement[];
    const at = all.indexOf(slide);
    const { document: page } = view;
    const notes = [...slide.querySelectorAll("aside.notes")].map((one) => page.importNode(one, true));
    const next = all[at + 1]?.querySelector("h1, h2, h3, h4, .says, .section")?.textContent ?? "the end";
    page.querySelector("#place")!.textContent = `${at + 1} / ${all.length}`;
    page.querySelector("main")!.replaceChildren(...notes);
    page.querySelector("footer")!.textContent = `Next: ${next.trim()}`;
  };
  const tick = () => {
    const clock = view && !view.closed && view.document.querySelector("#time");
    if (!clock) return;
    const seconds = Math.round((performance.now() - began) / 1000);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    setTimeout(tick, 1000);
  };
  for (const event of ["slidechanged", "fragmentshown", "fragmenthidden"]) deck.on(event, show);
  return () => {
    view = window.open("", "vizkit-speaker", "width=900,height=700");
    if (!view) return;
    const { document: page } = view;
    page.title = `Notes: ${document.title}`;
    page.head.append(make("style", {}, STYLE));
    const header = make("header", {}, make("span", { id: "place" }), make("span", { id: "time" }));
    page.body.replaceChildren(header, make("main"), make("footer"));
    page.addEventListener("keydown", ({ key }) => {
      if (["PageDown", "ArrowRight", " "].includes(key)) deck.next();
      if (["PageUp", "ArrowLeft"].includes(key)) deck.prev();
    });
    began = performance.now();
    show();
    tick();
  };
}
