import { make } from "../shared/dom.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { MatrixData } from "./data.ts";
import type { Analysis, Matrix } from "./numbers.ts";

export interface Tiles {
  element: HTMLElement;
  show(matrix: Matrix, now: Analysis): void;
  /** The numbers belong to a matrix that is on its way. */
  stale(): void;
}

const TITLES = ["InfoNCE loss", "sigmoid loss", "image → text accuracy", "text → image accuracy"];

const percent = (hits: number, count: number) => `${formatNumber((100 * hits) / count)}%`;

/** Both losses and both accuracies; of pairs only. */
export function openTiles({ paired, rows, columns }: MatrixData): Tiles {
  const element = make("div", { class: "sm-tiles" });
  element.hidden = !paired;
  const parts = TITLES.map((title) => {
    const value = make("b");
    const note = make("small");
    element.append(make("div", {}, make("span", {}, title), value, note));
    return { value, note };
  });
  return {
    element,
    stale: () => element.classList.add("sm-stale"),
    show({ imageHits, textHits }, { infonce, sigmoid, bias }) {
      element.classList.remove("sm-stale");
      const shown: [number, string, string][] = [
        [infonce, formatNumber(infonce, 4), `chance log N = ${formatNumber(Math.log(rows))}`],
        [sigmoid, formatNumber(sigmoid, 4), `sum over pairs / N, bias ${formatNumber(bias)}`],
        [imageHits / rows, percent(imageHits, rows), `${imageHits} of ${rows} images`],
        [textHits / columns, percent(textHits, columns), `${textHits} of ${columns} texts`],
      ];
      shown.forEach(([number, text, about], k) => {
        const { value, note } = parts[k];
        value.dataset.value = String(number);
        value.textContent = text;
        note.textContent = about;
      });
    },
  };
}
