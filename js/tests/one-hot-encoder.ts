// A page of its own: the instrument with an encoder all of whose tokens look at one patch of a grid of 3 x 5, in head 2
// of layer 1 at row 1, column 3, in that of layer 2 at row 2, column 1.
import { mount } from "../living-encoder/mount.ts";
import { FACTS, fakeEngine } from "./fake-engine.ts";

const facts = { ...FACTS, imageSize: 60, grid: [3, 5] as [number, number], tokens: 16 };
const traits: Record<string, unknown> = {
  captions: ["red", "green", "blue"],
  scene: { background: 0, objects: [] },
  theme: "light",
};
const el = document.getElementById("place")!;
mount({ model: { get: (name) => traits[name], on() {} }, el }, () =>
  fakeEngine(facts, [1 * 5 + 3, 2 * 5 + 1]),
);
