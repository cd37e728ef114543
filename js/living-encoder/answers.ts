import type { Engine, ImageAnswer, Readings } from "./engine.ts";
import { attentionRow, lensAt } from "./numbers.ts";
import type { Picture } from "./scene.ts";
import { ablationOf, isAnythingOff, type Off, orderOf, type State } from "./store.ts";
import { COLORS, SHAPES } from "./world/palette.ts";
import { openRenderer } from "./world/render.ts";

/** How a picture compares with each reading. */
export interface Comparison {
  /** For an encoder taught with labels, the score. */
  cosine: Float32Array;
  probability: Float32Array;
}

/** Words that a patch may choose from. */
export interface WordList {
  name: "captions" | "shapes" | "colours" | string;
  readings(): Readings;
  /** What the words are pictures of, where they can be drawn. */
  kind: "text" | "shape" | "color";
}

export type Answers = ReturnType<typeof openAnswers>;

const ANSWERS = new WeakMap<Readonly<State>, Answers>();

/** What the encoder says to the state on view; asked once for each picture, however many panels and views want to know. */
export function answersOf(engine: Engine, state: Readonly<State>): Answers {
  const known = ANSWERS.get(state) ?? openAnswers(engine, state);
  ANSWERS.set(state, known);
  return known;
}

export function openAnswers(engine: Engine, state: Readonly<State>) {
  const { facts } = engine;
  const render = openRenderer(facts.imageSize);
  const pixels = remember((picture: Picture) => render(picture));
  let took = 0;
  const whole = remember((picture: Picture) => engine.image(pixels(picture)));
  const ablated = remember((picture: Picture, off: Off) =>
    engine.image(pixels(picture), ablationOf(off, facts)),
  );
  const timed = remember((picture: Picture, off: Off): ImageAnswer => {
    const start = performance.now();
    const answer = isAnythingOff(off) ? ablated(picture, off) : whole(picture);
    const now = performance.now() - start;
    // The typical time of the last ones: a single one trembles, and the first waits for the compiler.
    if (asked++ > 2) took = took ? took + 0.2 * (now - took) : now;
    return answer;
  });
  let asked = 0;
  const readings = openReadings(engine, state);
  const { reads } = readings;
  const compare = (vectors: Float32Array, readings: Readings): Comparison => {
    const scores = engine.scores(vectors, readings);
    const count = readings.names.length;
    const cosine = reads
      ? scores.map((score, at) => (score - readings.bias[at % count]) / facts.logitScale)
      : scores;
    return { cosine, probability: engine.probabilities(scores, count) };
  };
  const main = remember((answer: ImageAnswer, readings: Readings) => compare(answer.feature, readings));
  const mainBefore = remember((answer: ImageAnswer, readings: Readings) => compare(answer.feature, readings));
  const patches = remember((answer: ImageAnswer, depth: number, readings: Readings) =>
    compare(lensAt(answer, facts, depth), readings),
  );
  const order = orderOf(facts);
  const arrivedAs = order.map((_, patch) => order.indexOf(patch));
  /** Where the token of a patch stands in what the encoder gives back: elsewhere while the patches are shuffled. */
  const rowOf = (token: number) =>
    state.off.positions === "shuffled" && token >= facts.prefix
      ? facts.prefix + arrivedAs[token - facts.prefix]
      : token;
  return {
    facts,
    /** What a caption, or a label, is measured by. */
    measure: reads ? "cosine" : "score",
    rowOf,
    /** What a token gives to each patch of the picture: (N,). */
    attention(layer: number, head: number, token: number): Float32Array {
      const image = timed(state.picture, state.off);
      const row = attentionRow(image, facts, layer, head, rowOf(token));
      return row.map((_, patch) => row[rowOf(facts.prefix + patch) - facts.prefix]);
    },
    pixels: () => pixels(state.picture),
    image: () => timed(state.picture, state.off),
    /** Without anything switched off; null where nothing is. */
    before: () => (isAnythingOff(state.off) ? whole(state.picture) : null),
    /** How long an answer takes, typically; 0 where that is not known yet. */
    milliseconds: () => took,
    /** Asks once more: the browser compiles what it has run a few times. Whether that was enough. */
    warmUp(): boolean {
      const start = performance.now();
      engine.image(pixels(state.picture));
      if (asked++ > 2) took = performance.now() - start;
      return asked > 4;
    },
    compare,
    ...readings,
    /** The picture against the captions. */
    comparison: () => main(timed(state.picture, state.off), readings.main()),
    comparisonBefore: () =>
      isAnythingOff(state.off) ? mainBefore(whole(state.picture), readings.main()) : null,
    /** Each token after so many layers against the captions, or against other words: (T, M). */
    tokens: (depth: number, words: Readings) => patches(timed(state.picture, state.off), depth, words),
  };
}

/** Captions, and the words that patches choose from. */
function openReadings(engine: Engine, state: Readonly<State>) {
  const { facts } = engine;
  const known = new Map<string, Readings>();
  const reads = facts.vocabulary.length > 0;
  const one = (caption: string) => {
    const found = known.get(caption) ?? engine.text([caption]);
    // Only what is on view, and what was typed last.
    if (known.size > 200) known.clear();
    known.set(caption, found);
    return found;
  };
  const captions = remember((texts: readonly string[]) => join(texts.map(one), facts.dim));
  const spoken = remember((list: readonly string[], template: string) =>
    join(
      list.map((word) => one(template.replace("{}", word))),
      facts.dim,
    ),
  );
  const labels = facts.labels.map(({ name }, head) => {
    let made: Readings | null = null;
    return { name, readings: () => (made ??= engine.labels(head)) };
  });
  const kindOf = (names: string[]) =>
    names.every((name) => SHAPES.includes(name))
      ? "shape"
      : names.every((name) => COLORS.includes(name))
        ? "color"
        : "text";
  const shapes = remember(() => spoken(SHAPES, "a {}"));
  const colors = remember(() => spoken(COLORS, "a {} shape"));
  const knows = (words: string[]) => words.every((word) => facts.vocabulary.includes(word));
  const lists: WordList[] = reads
    ? [{ name: "captions", readings: () => captions(state.captions), kind: "text" }]
    : labels.map(({ name, readings }, head) => ({
        name,
        readings,
        kind: kindOf(facts.labels[head].labels),
      }));
  if (reads && knows(COLORS)) lists.unshift({ name: "colours", readings: () => colors(), kind: "color" });
  if (reads && knows(SHAPES)) lists.unshift({ name: "shapes", readings: () => shapes(), kind: "shape" });
  return {
    /** Whether captions are typed; else the encoder has its labels. */
    reads,
    lists,
    /** What the picture is compared with. */
    main: () => (reads ? captions(state.captions) : lists[state.words].readings()),
    list: () => lists[Math.min(state.words, lists.length - 1)],
  };
}

/** Joins what was read one by one. */
function join(parts: Readings[], dim: number): Readings {
  const vectors = new Float32Array(parts.length * dim);
  const bias = new Float32Array(parts.length);
  parts.forEach((part, at) => {
    vectors.set(part.vectors, at * dim);
    bias[at] = part.bias[0];
  });
  const names = parts.flatMap((part) => part.names);
  return { names, vectors, bias, words: parts.flatMap((part) => part.words) };
}

/** Keeps the last result of a function, as long as its arguments stay the same. */
function remember<A extends unknown[], R>(run: (...rest: A) => R): (...rest: A) => R {
  let last: { rest: A; result: R } | null = null;
  return (...rest) => {
    if (!last?.rest.every((value, at) => Object.is(value, rest[at]))) last = { rest, result: run(...rest) };
    return last!.result;
  };
}
