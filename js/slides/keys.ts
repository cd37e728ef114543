import type { RevealApi } from "reveal.js";

/** The instrument that fills the screen. */
const full = () => document.querySelector<HTMLElement>('.reveal [data-full="true"]');

/** Whether the deck may take a key: not while an instrument fills the screen. */
export const deckMayListen = () => !full();

/** A clicker sends the page keys to whatever has the focus. They belong to the instrument that fills the screen; else
 * they turn the slide, whatever was touched last. */
export function openClicker(deck: RevealApi): void {
  const take = (event: KeyboardEvent) => {
    if (!event.isTrusted || event.ctrlKey || event.metaKey || event.altKey) return;
    const instrument = full();
    if (instrument) {
      if (event.composedPath().includes(instrument)) return;
      // Its button has gone, or somebody clicked beside it: the instrument hears the key all the same.
      instrument.focus({ preventScroll: true });
      instrument.dispatchEvent(new KeyboardEvent("keydown", event));
    } else if (event.key === "PageDown") deck.next();
    else if (event.key === "PageUp") deck.prev();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener("keydown", take, { capture: true });
}
