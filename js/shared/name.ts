import { make } from "./dom.ts";

const TAIL = 8;

/** A name that is cut in its middle where room is short: names of classes often differ at their ends. */
export function nameElement(name: string): HTMLElement {
  const letters = [...name];
  const cut = letters.length > 2 * TAIL ? letters.length - TAIL : letters.length;
  const head = make("span", { class: "vk-name-head" }, letters.slice(0, cut).join(""));
  const tail = make("span", {}, letters.slice(cut).join(""));
  return make("span", { class: "vk-name", title: name }, head, tail);
}
