import { make } from "../shared/dom.ts";
import { nameElement } from "../shared/name.ts";
import { clipPathOf, markOf } from "./marks.ts";
import { type Neighbours, nearestInWords, similarityText } from "./neighbours.ts";
import { focusOf, type State, titleOf } from "./state.ts";

const TILE = 1.8; // em

/** The focused point's neighbours, with pictures; a click goes to one. */
export function showCard(
  card: HTMLElement,
  state: State,
  neighbours: Neighbours,
  css: string[],
  goTo: (index: number) => void,
): void {
  const { data } = state;
  const i = focusOf(state);
  const found = i < 0 ? "Point at a mark for its neighbours." : neighbours.of(i);
  if (typeof found === "string") {
    card.replaceChildren(found);
    return;
  }
  const items = found.map(({ index, value }) => {
    const score = make("b", {}, similarityText(state, value));
    const attributes = { type: "button", class: "vk-button", tabindex: "-1" };
    const item = make(
      "button",
      attributes,
      markElement(state, index, css),
      score,
      nameElement(titleOf(state, index)),
    );
    item.onclick = () => goTo(index);
    return item;
  });
  card.replaceChildren(nearestInWords(data), ...items);
}

/** A point's picture, or its mark. */
function markElement({ data }: State, index: number, css: string[]): HTMLElement {
  const tile = data.tiles.get(index);
  const element = make("i", { "data-mark": tile === undefined ? "" : "picture" });
  const color = css[data.codes[index]];
  element.style.color = color;
  if (tile === undefined || !data.atlas) {
    element.style.backgroundColor = color;
    element.style.clipPath = clipPathOf(markOf(data.codes[index], !!data.texts[index]));
    return element;
  }
  const { columns } = data.atlas;
  const x = -(tile % columns) * TILE;
  const y = -Math.floor(tile / columns) * TILE;
  element.style.background = `${x}em ${y}em / ${columns * TILE}em var(--vk-atlas)`;
  return element;
}
