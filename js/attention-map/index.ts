import { make } from "../shared/dom.ts";
import { openFrame } from "../shared/frame.ts";
import type { View } from "../shared/model.ts";
import { type Context, openContext } from "./context.ts";
import { openControls } from "./controls.ts";
import { openDistance } from "./distance-view.ts";
import { openChips, openFacts } from "./facts.ts";
import { openHeads } from "./heads-view.ts";
import { addKeys } from "./keys.ts";
import { type ModelView, openLayout } from "./layout.ts";
import { openMatrix } from "./matrix-view.ts";
import type { Choose } from "./panel.ts";
import { openPicture, openScale } from "./picture-view.ts";
import { ONE_HEAD } from "./selection.ts";

/** AttentionMap: where each token of a picture looks, layer by layer and head by head. */
function render(view: View): () => void {
  const frame = openFrame(view, {
    kind: "AttentionMap",
    help: "Keys (?). Weights are ± the row's largest / 510",
  });
  const context = openContext(frame);
  const choose: Choose = (layer, head) => {
    controls.setLayer(layer);
    controls.setHead(head);
    controls.setMode(ONE_HEAD);
  };
  const views = context.about.sides.map((_, s) => openModel(context, s, choose));
  const layout = openLayout(context, views);
  const changed = () => {
    context.fetchNext();
    layout();
  };
  const names = views[0].panels.map(({ name }) => name);
  const useful = (name: string) =>
    views.some(({ panels }) => panels.some((panel) => panel.name === name && panel.useful));
  const controls = openControls(context, names.filter(useful), changed);
  addKeys(context, controls, (factor) => views.forEach(({ picture }) => picture.zoom(factor)));
  changed();
  return frame.close;
}

/** One model: its picture, and beside it the legend, the numbers and the panels. */
function openModel(context: Context, s: number, choose: Choose): ModelView {
  const side = context.about.sides[s];
  const [main, notes] = [make("div", { class: "vk-main" }), make("div", { class: "vk-notes" })];
  const aside = make("div", { class: "vk-aside" }, notes);
  const pair = context.about.sides.length > 1 ? " vk-pair" : "";
  const box = make("div", { class: `vk-model${pair}` }, main, aside);
  if (side.name) notes.append(make("div", { class: "vk-strong" }, side.name));
  context.frame.stage.append(box);
  const painted = () => {
    const row = picture.row();
    writeChips(row);
    writeFacts(row);
    if (row || context.blockOf(s)) context.firstPaint();
  };
  const picture = openPicture(context, s, main, painted);
  const writeChips = openChips(context, s, notes);
  openScale(context, s, notes, picture);
  const writeFacts = openFacts(context, s, notes);
  const panels = [
    openHeads(context, s, aside, choose),
    openDistance(context, s, aside, choose),
    openMatrix(context, s, aside),
  ];
  const [rows, columns] = side.layers[0].keys;
  return { box, picture, ratio: rows / columns, aside, notes, panels };
}

export default { render };
