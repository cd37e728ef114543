import type { Frame } from "../shared/frame.ts";
import { openWriter } from "../shared/paint.ts";
import { type Answers, answersOf } from "./answers.ts";
import { type Covering, openCovering } from "./covering.ts";
import type { Engine, Facts } from "./engine.ts";
import { openStore, type Store } from "./store.ts";

/** All that the panels and controls of one view work with. */
export interface Context extends Store, ReturnType<typeof openWriter> {
  frame: Frame;
  facts: Facts;
  answers: Answers;
  covering: Covering;
  /** The token whose attention is on view. */
  query(): number;
  tokenName(token: number): string;
  /** Calls a step after every picture: what is no canvas brings itself up to date. */
  onUpdate(step: () => void): void;
  /** The same for sentences that people read, or have read to them: at most four times a second, the last one always. */
  onWords(step: () => void): void;
  update(): void;
}

/** Milliseconds between two sentences: while one drags, more could not be read, and each is a text to lay out. */
const BETWEEN_WORDS = 250;

export function openContext(frame: Frame, engine: Engine, model: object): Context {
  const { facts } = engine;
  const store = openStore(frame, facts, model);
  const { state } = store;
  const answers = answersOf(engine, state);
  const updates: (() => void)[] = [];
  const words = openWords(frame);
  const middle = facts.prefix + Math.floor(facts.grid[0] / 2) * facts.grid[1] + Math.floor(facts.grid[1] / 2);
  return {
    frame,
    facts,
    answers,
    covering: openCovering(frame, engine, answers, state),
    ...store,
    ...openWriter(frame),
    query() {
      if (state.pinned >= 0) return state.pinned;
      if (state.hover >= 0) return state.hover;
      return facts.prefix ? 0 : middle;
    },
    tokenName(token) {
      if (token < facts.prefix) return facts.prefix === 1 ? "class token" : `token ${token}`;
      const [row, column] = placeOf(token - facts.prefix, facts);
      return `patch in row ${row}, column ${column}`;
    },
    onUpdate: (step) => {
      updates.push(step);
    },
    onWords: words.on,
    update() {
      for (const step of updates) step();
      words.ask();
    },
  };
}

/** Steps that run at most so often, however often one asks; after the last time once more. */
function openWords(frame: Frame) {
  const steps: (() => void)[] = [];
  let last = Number.NEGATIVE_INFINITY;
  let waiting = false;
  const run = () => {
    waiting = false;
    last = performance.now();
    for (const step of steps) step();
  };
  return {
    on: (step: () => void) => {
      steps.push(step);
    },
    ask() {
      const rest = last + BETWEEN_WORDS - performance.now();
      if (rest <= 0 && !waiting) return run();
      if (!waiting) frame.later(run, rest);
      waiting = true;
    },
  };
}

/** Row and column of a patch. */
export function placeOf(patch: number, { grid }: Facts): [row: number, column: number] {
  return [Math.floor(patch / grid[1]), patch % grid[1]];
}
