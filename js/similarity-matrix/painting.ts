import { contextOf, make } from "../shared/dom.ts";
import { clamp } from "../shared/numbers.ts";
import { paintPixels } from "./colors.ts";
import { analyse } from "./numbers.ts";
import type { Order, State } from "./state.ts";

export interface Painting {
  bitmap: HTMLCanvasElement;
  /** Brings numbers and colours up to date, only what changed; whether anything did. */
  update(): boolean;
  colorOf(row: number, column: number): number;
  /** A new matrix is on its way or has come. */
  forget(): void;
}

/** The matrix as a picture in memory, one pixel a cell, in the order on view. */
export function openPainting(state: State): Painting {
  const { rows, columns, range } = state.data;
  const bitmap = make("canvas", { width: String(columns), height: String(rows) });
  const context = contextOf(bitmap);
  const image = context.createImageData(columns, rows);
  const words = new Uint32Array(image.data.buffer);
  const pixels = new Uint32Array(rows * columns);
  const weights = new Float64Array(rows * columns);
  let computed = "";
  let painted = "";
  return {
    bitmap,
    colorOf: (row, column) => pixels[row * columns + column],
    forget() {
      computed = painted = "";
    },
    update() {
      const { matrix, view, temperature, bias, step } = state;
      if (!matrix) return false;
      const numbers = [temperature, bias, step].join();
      const look = [view.name, view.heated ? numbers : step, state.sorted].join();
      const fresh = !state.now || numbers !== computed;
      if (fresh || !state.now) state.now = analyse(matrix, 1 / clamp(1e-4, temperature, 1e4), bias, weights);
      const other = look !== painted;
      if (other) {
        paintPixels(matrix, state.now, view, range, pixels);
        if (state.sorted) reorder(pixels, words, state.rowOrder, state.columnOrder);
        else words.set(pixels);
        context.putImageData(image, 0, 0);
      }
      computed = numbers;
      painted = look;
      return fresh || other;
    },
  };
}

function reorder(from: Uint32Array, to: Uint32Array, { at: rows }: Order, { at: columns }: Order): void {
  const width = columns.length;
  for (let i = 0, out = 0; i < rows.length; i++)
    for (let j = 0; j < width; j++, out++) to[out] = from[rows[i] * width + columns[j]];
}
