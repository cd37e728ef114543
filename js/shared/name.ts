import { make } from "./dom.ts";

const TAIL = 8;

/** A text of at most so many letters, cut in its middle. */
export function shorten(text: string, most: number): string {
  const letters = [...text];
  if (letters.length <= most) return text;
  const end = Math.floor(most / 3);
  return `${letters.slice(0, most - end - 1).join("")}…${letters.slice(-end).join("")}`;
}

/** A name that is cut in its middle where room is short: names of classes often differ at their ends. */
export function nameElement(name: string): HTMLElement {
  const letters = [...name];
  const cut = letters.length > 2 * TAIL ? letters.length - TAIL : letters.length;
  const head = make("span", { class: "vk-name-head" }, letters.slice(0, cut).join(""));
  const tail = make("span", {}, letters.slice(cut).join(""));
  return make("span", { class: "vk-name", title: name }, head, tail);
}
