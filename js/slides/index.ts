// A deck of the course: reveal.js turns the slides; this fits them to the window, and lets instruments be instruments.
// Runs before the instruments are mounted, which read the room that their slide gives them.
import Reveal from "reveal.js";
import { openCharts } from "./charts.ts";
import { openCode } from "./code.ts";
import { deckMayListen, openClicker } from "./keys.ts";
import { fit, isNarrow, isPrint, measure, unit } from "./sizes.ts";
import { openSpeaker } from "./speaker.ts";

const at = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const frame = at("frame");

/** Below each other, in the text's own size; the instruments take the height that they like. */
function openText(): void {
  document.body.classList.add("narrow");
  for (const room of frame.querySelectorAll("[data-room]")) room.removeAttribute("data-room");
  openCharts(() => 0.7);
  document.body.dataset.ready = "true";
}

function openDeck(): void {
  frame.classList.add("reveal");
  measure();
  const code = openCode(at("source"), at<HTMLButtonElement>("code"));
  const deck = new Reveal(frame, {
    width: "100%",
    height: "100%",
    margin: 0,
    minScale: 1,
    maxScale: 1,
    display: "flex",
    center: false,
    controls: false,
    hash: true,
    hashOneBasedIndex: true,
    navigationMode: "linear",
    transition: "none",
    backgroundTransition: "none",
    scrollActivationWidth: 0,
    pdfSeparateFragments: false,
    pdfMaxPagesPerSlide: 1,
    postMessage: false,
    keyboardCondition: (event) =>
      deckMayListen() && (!code.isOpen() || event.key === "c" || event.key === "Escape"),
    keyboard: { 27: () => (code.isOpen() ? code.close() : deck.toggleOverview()), 67: code.toggle },
  });
  const slides = () => deck.getSlides() as HTMLElement[];
  const show = () => {
    code.of(deck.getCurrentSlide());
    at("count").textContent = `${deck.getSlidePastCount() + 1} / ${slides().length}`;
    for (const slide of slides()) fit(slide);
  };
  for (const picture of frame.querySelectorAll<HTMLImageElement>(".shows > img[width]"))
    picture.style.setProperty("--own", picture.getAttribute("width"));
  const speak = openSpeaker(deck);
  deck.addKeyBinding({ keyCode: 83, key: "S", description: "Speaker notes" }, speak);
  openClicker(deck);
  for (const [id, run] of [
    ["back", () => deck.prev()],
    ["on", () => deck.next()],
    ["speaker", speak],
    ["overview", () => deck.toggleOverview()],
  ] as const)
    at(id).addEventListener("click", run);
  addEventListener("resize", () => {
    measure();
    show();
  });
  deck.on("slidechanged", show);
  openCharts(unit);
  const onPaper = new Promise<void>((laidOut) => {
    if (isPrint()) deck.on("pdf-ready", () => laidOut());
    else laidOut();
  });
  void deck.initialize().then(async () => {
    await Promise.all([document.fonts.ready, onPaper]);
    show();
    document.body.dataset.ready = "true";
  });
}

if (isNarrow()) openText();
else openDeck();
// A window that is made narrow, or zoomed in, and the other way round.
const narrow = isNarrow();
if (!isPrint())
  addEventListener("resize", () => {
    if (isNarrow() !== narrow) location.reload();
  });
