import assert from "node:assert/strict";
import { test } from "node:test";
import type { Handler, Host } from "../shared/model.ts";
import { openScope } from "../shared/scope.ts";
import { openTraits } from "../shared/traits.ts";

(globalThis as any).window = globalThis;

/** A host whose kernel is slow: what it saved and what it says are kept apart. */
function openHost() {
  const state: Record<string, unknown> = { search: "" };
  const handlers: Handler[] = [];
  const sent: unknown[] = [];
  const host: Host = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      for (const handler of [...handlers]) handler();
    },
    save: () => {
      sent.push(state.search);
    },
    on(_, handler) {
      handlers.push(handler);
      return () => {};
    },
    send: () => true,
  };
  return { host, sent };
}

const wait = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

async function typed() {
  const { host, sent } = openHost();
  const told: unknown[] = [];
  const traits = openTraits(host, openScope());
  traits.watch("search", (value) => told.push(value));
  traits.write("search", "a");
  await wait(5); // saved at once
  traits.write("search", "ab"); // waits
  return { host, sent, told, traits };
}

test("an echo of what was saved does not undo what was typed since", async () => {
  const { host, sent, told } = await typed();
  assert.deepEqual(sent, ["a"]);
  host.set("search", "a");
  assert.equal(host.get("search"), "ab");
  assert.deepEqual(told, []);
  await wait(80);
  assert.deepEqual(sent, ["a", "ab"]);
});

test("what Python says meanwhile is told all the same", async () => {
  const { host, told } = await typed();
  host.set("search", "from Python");
  assert.deepEqual(told, ["from Python"]);
  assert.equal(host.get("search"), "from Python");
});

test("once it is saved, the value before it may come back", async () => {
  const { host, told } = await typed();
  await wait(80);
  host.set("search", "a");
  assert.deepEqual(told, ["a"]);
});
