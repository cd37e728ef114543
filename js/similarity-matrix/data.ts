import { type Atlas, openAtlas, type PackedAtlas } from "../shared/atlas.ts";
import { type NumberArray, type Packed, unpackFixed } from "../shared/codec.ts";
import type { Model } from "../shared/model.ts";
import { type Matrix, multiplyRows, summarize } from "./numbers.ts";

/** What Python sent, read once for each model, however many views it has. */
export interface MatrixData {
  rows: number;
  columns: number;
  /** One text for each image. */
  paired: boolean;
  /** Of rows and columns that are images first and texts after them; 0: rows are images, columns texts. */
  numImages: number;
  steps: number;
  stepNames: string[];
  captions: string[];
  /** "cosine" or "similarity". */
  measure: string;
  /** Smallest and largest similarity over all steps. */
  range: [number, number];
  thumbnails: PackedAtlas | null;
  /** Either whole matrices `(steps, N, M)`, or embeddings `(steps, N, D)` and `(steps, M, D)`. */
  whole: NumberArray<Float64Array> | null;
  images: NumberArray<Float64Array> | null;
  texts: NumberArray<Float64Array> | null;
  /** Matrices that are ready, by step. */
  ready: Map<number, Matrix>;
}

const KNOWN = new WeakMap<Model, MatrixData>();

export function dataOf(model: Model): MatrixData {
  const known = KNOWN.get(model);
  if (known) return known;
  const sent = model.get("data") as Record<string, Packed>;
  const [rows, columns] = model.get("size") as [number, number];
  const numImages: number = model.get("num_images") ?? 0; // pages saved before it was there
  const whole = unpackFixed(sent.similarity);
  const images = unpackFixed(sent.images);
  const thumbnails = model.get("thumbnails") as Partial<PackedAtlas>;
  const data: MatrixData = {
    rows,
    columns,
    paired: rows === columns && !numImages,
    numImages,
    steps: (whole ?? images)?.shape[0] ?? 1,
    stepNames: model.get("step_names"),
    captions: model.get("captions"),
    measure: model.get("measure"),
    range: model.get("value_range"),
    thumbnails: thumbnails.png ? (thumbnails as PackedAtlas) : null,
    whole,
    images,
    texts: unpackFixed(sent.texts),
    ready: new Map(),
  };
  KNOWN.set(model, data);
  return data;
}

export function openThumbnails({ thumbnails }: MatrixData, ready: () => void): Atlas | null {
  return thumbnails && openAtlas(thumbnails, ready);
}

/** Most numbers that are kept for steps seen before. */
const MOST_KEPT = 1.6e7;

/** Longest time, in ms, that a page stands still for a matrix; nobody waits for anything else than the first picture. */
const SLICE = 40;
const FIRST_SLICE = 80;

/** Makes a step's matrix in slices, so that the page never freezes. Returns what cancels it. */
export function loadMatrix(
  data: MatrixData,
  step: number,
  progress: (share: number, slow: boolean) => void,
  done: (matrix: Matrix) => void,
): () => void {
  const { rows, columns, whole, images, texts, ready } = data;
  const size = rows * columns;
  const values = new Float64Array(size);
  const dim = images?.shape[2] ?? 0;
  const left = images?.data.subarray(step * rows * dim, (step + 1) * rows * dim);
  const right = texts?.data.subarray(step * columns * dim, (step + 1) * columns * dim);
  if (whole) values.set(whole.data.subarray(step * size, (step + 1) * size));
  const started = performance.now();
  let row = whole ? rows : 0;
  let timer = 0;
  const work = (slice: number) => {
    const until = performance.now() + slice;
    for (; row < rows && performance.now() < until; row += 2)
      if (left && right) multiplyRows(left, right, dim, row, values, columns);
    if (row < rows) {
      // What is ready at once needs no word about it.
      progress(row / rows, performance.now() - started > 250);
      timer = window.setTimeout(work, 0, SLICE);
      return;
    }
    if ((ready.size + 1) * size > MOST_KEPT) ready.clear();
    const matrix = summarize(values, rows, columns);
    ready.set(step, matrix);
    done(matrix);
  };
  work(ready.size ? SLICE : FIRST_SLICE);
  return () => clearTimeout(timer);
}
