import assert from "node:assert/strict";
import { test } from "node:test";

import { openAnswers } from "../living-encoder/answers.ts";
import { openCovering } from "../living-encoder/covering.ts";
import { addStroke, remove } from "../living-encoder/stage/edits.ts";
import { NOTHING_OFF, openStore, orderOf, toggled } from "../living-encoder/store.ts";
import { FACTS, fakeEngine } from "./fake-engine.ts";
import { close, EMPTY, PICTURE, RING } from "./living-encoder-examples.ts";

/** A frame with traits and no page. */
function fakeFrame(traits: Record<string, unknown> = {}) {
  const watchers: Record<string, (value: any) => void> = {};
  const written: [string, unknown][] = [];
  const later: (() => void)[] = [];
  const frame = {
    get: (name: string) => traits[name],
    write: (name: string, value: unknown) => void written.push([name, value]),
    watch: (name: string, run: (value: any) => void) => void (watchers[name] = run),
    requestDraw() {},
    later: (run: () => void) => later.push(run),
    onClose() {},
  };
  return { frame: frame as any, watchers, written, later };
}

function setUp(traits: Record<string, unknown> = { captions: ["a red thing", "green", "mauve"] }) {
  const fake = fakeFrame(traits);
  const engine = fakeEngine();
  const store = openStore(fake.frame, FACTS, fake.frame);
  return { ...fake, engine, store, answers: openAnswers(engine, store.state) };
}

test("one picture is asked of the encoder once, with or without what is switched off", () => {
  const { engine, store, answers } = setUp();
  answers.comparison();
  answers.image();
  answers.tokens(1, answers.main());
  assert.equal(engine.asked, 1);
  assert.equal(answers.before(), null);
  store.switchOff({ layers: new Set([0]) });
  answers.comparison();
  answers.comparisonBefore();
  assert.equal(engine.asked, 2);
});

test("cosine and probability of each caption; an unknown word is told", () => {
  const { store, answers } = setUp();
  store.show(addStroke(EMPTY, { points: [0.5, 0.5], width: 5, ink: [1, 0, 0] }));
  const { cosine, probability } = answers.comparison();
  close(cosine[0], 1, 0.01);
  close(cosine[1], 0, 0.05);
  assert.ok(probability[0] > 0.99);
  close(
    probability.reduce((sum, value) => sum + value, 0),
    1,
    1e-6,
  );
  const unknown = answers.main().words[0].filter(({ known }) => !known);
  assert.deepEqual(
    unknown.map(({ word }) => word),
    ["a", "thing"],
  );
});

test("what is painted in a corner is in that corner for the encoder, in its colour", () => {
  const { store, answers } = setUp({ captions: ["red", "green", "blue"] });
  const corners = [
    [0.125, 0.25],
    [0.875, 0.25],
    [0.125, 0.75],
    [0.875, 0.75],
  ];
  const inks = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ] as const;
  corners.forEach((points, corner) => {
    inks.forEach((ink, caption) => {
      store.show(addStroke(EMPTY, { points, width: 0.2, ink }));
      const { cosine } = answers.tokens(0, answers.main());
      const own = Array.from({ length: 8 }, (_, patch) => cosine[(1 + patch) * 3 + caption]);
      assert.equal(own.indexOf(Math.max(...own)), [0, 3, 4, 7][corner], `${corner} ${caption}`);
    });
  });
});

test("shuffled, each patch of the picture keeps its own answer and looks at itself", () => {
  const { store, answers } = setUp();
  store.show(addStroke(EMPTY, { points: [0.95, 0.75], width: 0.1, ink: [0, 0, 1] }));
  const own = (patch: number) => {
    const { cosine } = answers.tokens(2, answers.main());
    return cosine[answers.rowOf(1 + patch) * 3];
  };
  const before = Array.from({ length: 8 }, (_, patch) => own(patch));
  store.switchOff({ positions: "shuffled" });
  for (let patch = 0; patch < 8; patch++) {
    close(own(patch), before[patch], 1e-6);
    const row = answers.attention(0, 0, 1 + patch);
    assert.deepEqual(
      [...row],
      Array.from({ length: 8 }, (_, other) => Number(other === patch)),
    );
  }
  // All look at the token that arrived first.
  assert.equal(answers.attention(0, 1, 0)[orderOf(FACTS)[0]], 1);
  assert.equal(answers.rowOf(0), 0);
});

test("covering finds the patch that a caption hangs on", () => {
  const { frame, store, engine, answers } = setUp({ captions: ["blue"] });
  store.show(addStroke(EMPTY, { points: [0.875, 0.75], width: 0.2, ink: [0, 0, 1] }));
  const now = performance.now;
  const covering = openCovering(frame, engine, answers, store.state);
  try {
    covering.falls();
    assert.equal(covering.done(), 0);
    performance.now = () => now.call(performance) + 1000;
    while (covering.done() < 1) covering.falls();
  } finally {
    performance.now = now;
  }
  const falls = [...covering.falls()];
  assert.equal(falls.indexOf(Math.max(...falls)), 7);
});

test("undo brings the picture back and tells Python; a change from Python is no step", () => {
  const { store, watchers, written } = setUp({ captions: [], scene: PICTURE.scene });
  store.edit(remove(store.state.picture, 0));
  assert.deepEqual(written.at(-1), ["scene", { background: 0, objects: [RING] }]);
  store.undo();
  assert.deepEqual(store.state.picture.scene, PICTURE.scene);
  assert.deepEqual(written.at(-1), ["scene", PICTURE.scene]);
  watchers.scene(EMPTY.scene);
  assert.equal(store.state.picture.scene.objects.length, 0);
  assert.equal(store.undo(), false);
});

test("a caption that goes takes its choice with it", () => {
  const { store, watchers } = setUp();
  store.set({ caption: 2 });
  store.write(["red"]);
  assert.equal(store.state.caption, 0);
  watchers.captions(["red", "green"]);
  assert.equal(store.state.captions.length, 2);
});

test("what is switched off and on again", () => {
  const off = toggled(NOTHING_OFF.heads, "0,1");
  assert.deepEqual([...off], ["0,1"]);
  assert.equal(toggled(off, "0,1").size, 0);
  assert.equal(NOTHING_OFF.heads.size, 0);
});

test("two views of one widget are of one state, until one of them goes", () => {
  const model = {};
  const [one, two] = [fakeFrame({ captions: [] }), fakeFrame({ captions: [] })];
  const drawn = [0, 0];
  one.frame.requestDraw = () => drawn[0]++;
  two.frame.requestDraw = () => drawn[1]++;
  const closing: (() => void)[] = [];
  two.frame.onClose = (step: () => void) => closing.push(step);
  const [first, second] = [one, two].map(({ frame }) => openStore(frame, FACTS, model));
  first.edit(remove(first.state.picture, 0));
  assert.ok(first.state === second.state);
  assert.deepEqual(drawn, [1, 1]);
  assert.ok(second.undo());
  for (const step of closing) step();
  first.set({ depth: 1 });
  assert.deepEqual(drawn, [3, 2]);
});
