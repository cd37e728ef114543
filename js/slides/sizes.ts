/** The size that the slides are made for; all sizes grow with the window from here. */
const MADE_FOR = { width: 1280, height: 720 };
/** How much larger the type of an instrument is than on a page. */
const INSTRUMENT_SCALE = 1.22;
const SMALLEST_FIT = 0.74;

/** A window that is too narrow for slides shows them below each other, as a text. */
export const isNarrow = () => innerWidth < 640 && !isPrint();
export const isPrint = () => /[?&]print-pdf\b/.test(location.search);

/** Pixels of the window for one of a window of 1280 x 720. */
export const unit = () => Math.min(innerWidth / MADE_FOR.width, innerHeight / MADE_FOR.height);

/** Sets what the style sheet computes with. Nothing is scaled as a picture: canvases stay sharp. */
export function measure(): void {
  const style = document.documentElement.style;
  style.setProperty("--unit", String(unit()));
  style.setProperty("--slide-height", `${innerHeight}px`);
  style.setProperty("--instrument-scale", String(INSTRUMENT_SCALE * unit()));
}

/** Words that are too many for their slide get smaller, down to a size that the last row can read. */
export function fit(slide: HTMLElement): void {
  if (!slide.clientHeight || slide.matches(".stack")) return;
  slide.style.removeProperty("--fit");
  for (let scale = 0.94; scale >= SMALLEST_FIT && isOver(slide); scale -= 0.05)
    slide.style.setProperty("--fit", String(scale));
}

/** An instrument has this share of its slide's height. */
const INSTRUMENT_SHARE = 0.61;

const isOver = (slide: HTMLElement) =>
  slide.scrollHeight > slide.clientHeight + 1 ||
  [...slide.querySelectorAll<HTMLElement>(":scope > .shows:has(.widget[data-room]:not(.Quiz))")].some(
    (room) => room.clientHeight < INSTRUMENT_SHARE * slide.clientHeight,
  ) ||
  [...slide.querySelectorAll<HTMLElement>(".shows")].some(
    (room) => room.scrollHeight > room.clientHeight + 1 || room.scrollWidth > room.clientWidth + 1,
  );
