import type { Context } from "./context.ts";
import { largest, percent } from "./numbers.ts";
import type { Thing } from "./scene.ts";
import { attentionLayer, headName, type PatchMap } from "./stage/maps.ts";
import { isAnythingOff } from "./store.ts";
import { BACKGROUNDS, COLORS, SHAPES, STYLES } from "./world/palette.ts";

/** What is on view, in words: the line under the picture. */
export function describe(context: Context, map: PatchMap | null): string {
  const parts = [objects(context), answer(context), over(context, map), switched(context)];
  return `${parts.filter(Boolean).join("; ")}.`;
}

export function thingInWords({ shape, color, style, x, y }: Thing): string {
  return `${STYLES[style]} ${COLORS[color]} ${SHAPES[shape]} at ${placeInWords(x, y)}`;
}

const placeInWords = (x: number, y: number) =>
  `${Math.round(100 * x)}% from the left, ${Math.round(100 * y)}% from the top`;

function objects({ state }: Context): string {
  if (state.pen && state.tool !== "move") {
    const { x, y, down } = state.pen;
    return `${state.tool === "erase" ? "eraser" : "brush"} ${down ? "down" : "up"} at ${placeInWords(x, y)}`;
  }
  const { scene, photo, strokes } = state.picture;
  const chosen = scene.objects[state.chosen];
  if (chosen) return `chosen: ${thingInWords(chosen)}`;
  const names = scene.objects.map(({ shape, color }) => `${COLORS[color]} ${SHAPES[shape]}`);
  if (strokes.length) names.push("paint");
  return `${names.join(", ") || "nothing"} on ${photo ? "your picture" : BACKGROUNDS[scene.background]}`;
}

function answer({ answers, state }: Context): string {
  const { names } = answers.main();
  if (!names.length) return "no caption";
  const { probability } = answers.comparison();
  const best = largest(probability);
  return `best: “${answers.reads ? state.captions[best] : names[best]}” ${percent(probability[best])}`;
}

function over(context: Context, map: PatchMap | null): string {
  const { state, facts, answers, query, tokenName, covering } = context;
  const depth = state.depth ? `after layer ${state.depth} of ${facts.layers}` : "after the stem";
  const number = `${answers.reads ? "caption" : "label"} ${state.caption + 1}`;
  if (!map) return "";
  if (map.kind === "words") {
    const names = map.list.readings().names;
    const whole = map.whole < 0 ? "" : `, class token: ${names[map.whole]} ${percent(map.wholeSure)}`;
    return `labels (${map.list.name}) ${depth}${whole}`;
  }
  if (state.show === "attention") {
    const pinned = state.pinned >= 0 ? " (pinned)" : "";
    return `attention in layer ${attentionLayer(context) + 1}, ${headName(state.head)}, of the ${tokenName(query())}${pinned}`;
  }
  if (state.show === "caption")
    return `${answers.measure} of each patch ${answers.reads ? "with" : "for"} ${number} ${depth}`;
  const done = covering.done();
  return `fall of the ${answers.measure} of ${number} when a patch is covered${done < 1 ? " (not all are measured yet)" : ""}`;
}

function switched({ state, facts }: Context): string {
  if (!isAnythingOff(state.off)) return "";
  const { heads, layers, positions, stem } = state.off;
  const parts = [...heads].map((key) => {
    const [layer, head] = key.split(",").map(Number);
    return `head ${head + 1} of layer ${layer + 1}`;
  });
  parts.push(...[...layers].map((layer) => `layer ${layer + 1}`));
  if (positions === "none") parts.push("the positions");
  if (stem === "off") parts.push("the stem");
  const said = parts.length ? [`switched off: ${parts.join(", ")}`] : [];
  if (positions === "shuffled") said.push(`the ${facts.tokens - facts.prefix} patches are shuffled`);
  if (stem === "alone") said.push("each patch goes through the stem by itself");
  return said.join("; ");
}
