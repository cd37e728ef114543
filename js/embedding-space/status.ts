import { shorten } from "../shared/name.ts";
import { type Neighbours, similarityText } from "./neighbours.ts";
import { captionOf, coordinatesOf, focusOf, kindOf, projectionName, type State } from "./state.ts";

const whole = (count: number) => count.toLocaleString("en");

/** Letters of a caption that is told. */
const MOST_LETTERS = 60;

/** The picture in words: the focused point, what is selected, or all. */
export function statusLine(state: State, neighbours: Neighbours, search: string): string {
  const { data, selected, to } = state;
  const i = focusOf(state);
  if (i >= 0) return pointInWords(state, neighbours, i);
  const points = `${whole(data.count)} points`;
  if (search) return `${whole(selected.length)} of ${points} match “${search}”`;
  if (selected.length) return `${whole(selected.length)} of ${points} selected`;
  const space = data.flat
    ? "two dimensions as given"
    : `${data.dims} dimensions in a plane: ${projectionName(to.name)}`;
  return `${points}, ${space}`;
}

function pointInWords(state: State, neighbours: Neighbours, i: number): string {
  const found = neighbours.of(i);
  const caption = shorten(captionOf(state, i), MOST_LETTERS);
  const measure = state.data.flat ? "distance" : "cosine";
  const near =
    typeof found === "string"
      ? found
      : `nearest ${state.data.across ? "in other classes " : ""}by ${measure}: ${found.map(({ index, value }) => `${index} (${similarityText(state, value)})`).join(", ")}`;
  return [kindOf(state, i), caption, `at ${coordinatesOf(state, i)}`, near].filter(Boolean).join(" · ");
}
