import { make } from "../shared/dom.ts";
import { mapOf, type State } from "./state.ts";

const percent = (share: number) => `${Math.round(share * 100)}%`;

/** What the picture keeps of the space, in numbers. */
export function showFigures(element: HTMLElement, state: State): void {
  const { explained_variance_ratio: explained, neighborhood_preservation: preserved } = mapOf(state);
  const { step } = state.to;
  const list: [string, string][] = [];
  if (explained) list.push([percent(explained[step]), "of the variance is in view"]);
  if (preserved) list.push([percent(preserved[step]), "of the 10 nearest in space are nearest here"]);
  if (state.data.gaps) list.push([state.data.gaps[step].toFixed(2), "modality gap"]);
  const lines = list.map(([value, text]) =>
    make("div", { class: "vk-figure" }, make("b", {}, value), make("span", {}, text)),
  );
  element.replaceChildren(...lines);
}
