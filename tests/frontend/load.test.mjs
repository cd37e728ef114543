import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { load, topLevelNames } from "./load.mjs";

test("top-level names are found, nested ones are not", () => {
  const source = 'const A = 1;\nfunction b() {\n  const inner = 2;\n}\nasync function c() {}\nclass D {}\nlet e = "";';
  assert.deepEqual(topLevelNames(source), ["A", "b", "c", "D", "e"]);
});

test("core.js loads by itself and its pure functions answer", async () => {
  const core = await load();
  assert.equal(core.clamp(0, 7, 5), 5);
  assert.deepEqual(core.rgb("#0072b2"), [0x00, 0x72, 0xb2]);
});

// One joined module: a name declared twice would leave every widget blank.
const files = await readdir(new URL("../../vizkit/widgets/frontend/", import.meta.url));
const widgets = files.filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -3)).filter((name) => name !== "core" && name !== "page");
for (const widget of widgets) {
  test(`core.js and ${widget}.js join into one module that renders`, async () => {
    const module = await load(widget);
    assert.equal(typeof module.default.render, "function");
  });
}
