import type { WordList } from "../answers.ts";
import type { Context } from "../context.ts";
import { ALL_HEADS, largest, span } from "../numbers.ts";

/** What lies over the picture: a number, or a word, for each patch. */
export type PatchMap = ValueMap | WordMap;

export interface ValueMap {
  kind: "values";
  /** (N,); not a number where none is known yet. */
  values: Float32Array;
  low: number;
  high: number;
  /** Whether 0 is in the middle of the colours. */
  signed: boolean;
  /** What the numbers are, with a colour scale beside them. */
  name: string;
}

export interface WordMap {
  kind: "words";
  list: WordList;
  /** (N,): which word, and its probability among all. */
  best: Int32Array;
  sure: Float32Array;
  /** The same for the class token; −1 where there is none. */
  whole: number;
  wholeSure: number;
  name: string;
}

/** The map on view; null where nothing is shown, or nothing can be. */
export function mapOf(context: Context): PatchMap | null {
  const { state, facts, answers } = context;
  if (state.show === "attention" && facts.layers) return attentionMap(context);
  if (state.show === "labels") return wordMap(context);
  if (!answers.main().names.length) return null;
  if (state.show === "caption") return captionMap(context);
  return state.show === "covering" ? coveringMap(context) : null;
}

/** Attention has no layer 0. */
export const attentionLayer = ({ state }: Context) => Math.max(0, state.depth - 1);

export function headName(head: number): string {
  return head === ALL_HEADS ? "mean of all heads" : `head ${head + 1}`;
}

function attentionMap(context: Context): ValueMap {
  const { state, answers, query } = context;
  const values = answers.attention(attentionLayer(context), state.head, query());
  return { kind: "values", values, low: 0, high: span(values)[1], signed: false, name: "attention" };
}

function captionMap({ state, facts, answers }: Context): ValueMap {
  const readings = answers.main();
  const count = readings.names.length;
  const { cosine } = answers.tokens(state.depth, readings);
  const values = Float32Array.from(
    { length: facts.tokens - facts.prefix },
    (_, patch) => cosine[answers.rowOf(facts.prefix + patch) * count + state.caption],
  );
  const [low, high] = span(values);
  return { kind: "values", values, low, high, signed: false, name: answers.measure };
}

function coveringMap({ state, answers, covering }: Context): ValueMap {
  const count = answers.main().names.length;
  const falls = covering.falls();
  const values = Float32Array.from(
    { length: falls.length / count },
    (_, patch) => falls[patch * count + state.caption],
  );
  const most = values.reduce((limit, value) => Math.max(limit, Math.abs(value) || 0), 0.01);
  return {
    kind: "values",
    values,
    low: -most,
    high: most,
    signed: true,
    name: `${answers.measure} falls by`,
  };
}

function wordMap({ state, facts, answers }: Context): WordMap | null {
  const list = answers.list();
  const readings = list.readings();
  const count = readings.names.length;
  if (!count) return null;
  const { probability } = answers.tokens(state.depth, readings);
  const rowOf = (token: number) => {
    const start = answers.rowOf(token) * count;
    return probability.subarray(start, start + count);
  };
  const best = new Int32Array(facts.tokens - facts.prefix);
  const sure = new Float32Array(best.length);
  for (let patch = 0; patch < best.length; patch++) {
    const row = rowOf(facts.prefix + patch);
    best[patch] = largest(row);
    sure[patch] = row[best[patch]];
  }
  const whole = facts.prefix ? largest(rowOf(0)) : -1;
  const wholeSure = facts.prefix ? rowOf(0)[whole] : 0;
  return { kind: "words", list, best, sure, whole, wholeSure, name: list.name };
}
