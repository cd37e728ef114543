import { make } from "../shared/dom.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Context } from "./context.ts";
import { effectiveNumber } from "./numbers.ts";
import { cellAt, POOLING, special, spot } from "./places.ts";
import { ONE_HEAD } from "./selection.ts";

type Fact = [name: string, value: string];

/** Buttons for the queries that are no patches, with their share of the map; returns what writes the shares. */
export function openChips(context: Context, s: number, parent: HTMLElement) {
  const { frame, about, specials, tokenName, togglePin, setHover, setPlace, shown, received } = context;
  const side = about.sides[s];
  const row = make("div", { class: "vk-chips" });
  const chips = specials(side).map((token) => {
    const share = make("b");
    const at = special(token);
    const name = tokenName(token);
    const chip = frame.button(row, `${name} `, () => togglePin(at), `Query: ${name}`);
    chip.append(share);
    frame.listen(chip, "pointerenter", () => setHover(at));
    frame.listen(chip, "pointerleave", () => setHover(null));
    return { chip, share, token };
  });
  const all = frame.button(
    row,
    "all queries",
    () => setPlace(null, false),
    "What each patch receives from all",
  );
  if (about.kind === "attention") parent.append(row);
  return (weights: Float64Array | null) => {
    for (const { chip, share, token } of chips) {
      chip.setAttribute("aria-pressed", String(shown()?.token === token));
      const known = weights && token < side.prefix;
      share.textContent = known && !(received() && shown()) ? percent(weights[token]) : "";
    }
    all.hidden = !received();
    all.setAttribute("aria-pressed", String(!shown()));
    row.hidden = all.hidden && !chips.length;
  };
}

const percent = (share: number) => `${(share * 100).toFixed(1)}%`;

/** The numbers of the map on view; returns what writes them. */
export function openFacts(context: Context, s: number, parent: HTMLElement) {
  const facts = [0, 1, 2].map(() => ({ name: make("dt"), value: make("dd") }));
  const parts = facts.map(({ name, value }) => make("div", {}, name, value));
  const note = make("div", { class: "vk-note" });
  parent.append(make("dl", { class: "vk-facts" }, ...parts), note);
  const { about, frame, layerOf } = context;
  return (row: Float64Array | null) => {
    note.textContent = about.notes?.[frame.get("image_index")]?.[layerOf(s)] ?? "";
    const lines = factsOf(context, s, row);
    lines.forEach(([name, value], i) => {
      facts[i].name.textContent = name;
      facts[i].value.textContent = value;
    });
    if (!s) context.frame.say(`${describe(context)}: ${lines[0].join(" ")}`);
  };
}

function factsOf(context: Context, s: number, row: Float64Array | null): Fact[] {
  const { about, viewOf, pinned, hover } = context;
  const { prefix } = about.sides[s];
  const { layer } = viewOf(s);
  const over = hover();
  const key = pinned() && over && over.token < 0 ? cellAt(over, layer.keys) : -1;
  let best = prefix;
  if (row) for (let i = best; i < row.length; i++) if (row[i] > row[best]) best = i;
  const cell = key >= 0 ? key : best - prefix;
  const place = `${key < 0 ? "strongest" : "here"}: ${spot(cell, layer.keys)}`;
  const first: Fact = [place, row ? formatNumber(row[prefix + cell]) : "…"];
  if (about.kind === "attention") return [first, ...attentionFacts(context, s, row)];
  const range = row && `${formatNumber(Math.min(...row))} to ${formatNumber(Math.max(...row))}`;
  return [first, ["values", range ?? "…"], ["", ""]];
}

function attentionFacts(context: Context, s: number, row: Float64Array | null): Fact[] {
  const { about, viewOf, headOf, received } = context;
  const { prefix } = about.sides[s];
  const many = row ? `${effectiveNumber(row, prefix).toFixed(1)} of ${row.length - prefix} patches` : "…";
  if (received()) {
    const sum = row?.reduce((total, value) => total + value, 0) ?? 0;
    return [
      [viewOf(s).now ? "looked at by" : "spread over", many],
      ["receives", `${percent(sum)} of all attention`],
    ];
  }
  const { now, block, mode } = viewOf(s);
  const single = mode === ONE_HEAD && now?.token !== POOLING;
  const reach = single ? block?.reach?.[headOf(s)] : undefined;
  return [
    ["looks at", many],
    ["head's mean distance", reach === undefined ? "—" : `${formatNumber(reach, 2)} of the width`],
  ];
}

/** What the map on view is, in words. */
function describe(context: Context): string {
  const {
    about,
    depth,
    mostHeads,
    viewOf,
    layerName,
    headName,
    headOf,
    tokenName,
    specials,
    pinned,
    received,
  } = context;
  const { at, layer, now, mode } = viewOf(0);
  const patch = now && now.token < 0;
  const nobody = received() ? "each patch from all" : "none";
  const who = !now ? nobody : patch ? spot(cellAt(now, layer.grid), layer.grid) : tokenName(now.token);
  const whose = received() ? "received by" : "query";
  const heads = mode === ONE_HEAD ? headName(headOf(0)) : mode;
  const said: string[] = [];
  if (depth > 1) said.push(layerName(0, at));
  if (mostHeads > 1) said.push(heads);
  // With one cell there is nothing to choose.
  if (specials(about.sides[0]).length || layer.grid[0] * layer.grid[1] > 1)
    said.push(`${whose} ${who}${pinned() ? " (pinned)" : ""}`);
  return said.join(", ");
}
