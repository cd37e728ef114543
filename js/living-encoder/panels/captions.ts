import { CATEGORY_COLORS } from "../../shared/color.ts";
import { hide, make, mark, setText } from "../../shared/dom.ts";
import { formatNumber } from "../../shared/numbers.ts";
import type { Context } from "../context.ts";
import { percent } from "../numbers.ts";

/** The captions, each with its probability and cosine; for an encoder taught with labels, the labels. */
export function openCaptions(context: Context, parent: HTMLElement): HTMLElement {
  const { facts, frame, answers, state, onUpdate } = context;
  const together = facts.logitBias === null;
  const about = together ? "probability among these" : "probability of each by itself";
  const list = make("div", { class: "vk-captions", role: "group", "aria-label": "captions" });
  const name = make("span", {}, answers.reads ? "captions" : "");
  const head = make(
    "div",
    { class: "vk-small vk-caption-head" },
    name,
    make("span", { title: about }, together ? "probability" : "own probability"),
    make("span", {}, answers.measure),
  );
  head.classList.toggle("vk-fixed", !answers.reads);
  const panel = make("div", { class: "vk-panel vk-answers", "data-panel": "captions" }, head, list);
  parent.append(panel);
  let rows: Row[] = [];
  const update = () => {
    const { names, words } = answers.main();
    if (rows.length !== names.length) {
      list.replaceChildren();
      rows = names.map((_, index) => openRow(context, list, index));
    }
    if (!names.length) return;
    const now = answers.comparison();
    const before = answers.comparisonBefore();
    rows.forEach((row, index) => {
      row.show({
        text: answers.reads ? state.captions[index] : names[index],
        on: index === state.caption,
        cosine: now.cosine[index],
        probability: now.probability[index],
        cosineBefore: before?.cosine[index],
        probabilityBefore: before?.probability[index],
        unknown: (words[index] ?? []).filter(({ known }) => !known).map(({ word }) => word),
        empty: answers.reads && !(words[index] ?? []).some(({ known }) => known),
      });
    });
  };
  onUpdate(update);
  if (answers.reads) openNew(context, panel);
  else
    frame.select(
      name,
      "labels",
      answers.lists.map(({ name }) => name),
      answers.list().name,
      (name) => {
        const words = answers.lists.findIndex((one) => one.name === name);
        context.set({ words, caption: 0 });
      },
    );
  return panel;
}

interface Shown {
  text: string;
  on: boolean;
  cosine: number;
  probability: number;
  cosineBefore?: number;
  probabilityBefore?: number;
  unknown: string[];
  empty: boolean;
}

interface Row {
  show(now: Shown): void;
}

function openRow(context: Context, list: HTMLElement, index: number): Row {
  const { frame, state, answers, set, write } = context;
  const number = String(index + 1);
  const row = make("div", { class: "vk-caption" });
  const choose = frame.button(
    row,
    number,
    () => set({ caption: index }),
    `Show caption ${number} on the picture`,
  );
  choose.classList.add("vk-choose");
  choose.style.setProperty("--vk-own", CATEGORY_COLORS[index % CATEGORY_COLORS.length]);
  const field = make("input", {
    class: "vk-input vk-text",
    "aria-label": `caption ${number}`,
    maxlength: "200",
    autocomplete: "off",
    spellcheck: "false",
  });
  const label = make("span", { class: "vk-text" });
  row.append(answers.reads ? field : label);
  const fill = make("div", { class: "vk-fill" });
  const ghost = make("div", { class: "vk-ghost" });
  const share = make("output", { class: "vk-share" });
  const cosine = make("span", { class: "vk-cosine vk-small" });
  row.append(make("div", { class: "vk-meter", "aria-hidden": "true" }, fill, ghost), share, cosine);
  if (answers.reads) {
    const removed = () => write(state.captions.filter((_, at) => at !== index));
    frame.button(row, "×", removed, `Remove caption ${number}`).classList.add("vk-remove");
  }
  const note = make("div", { class: "vk-unknown vk-small" });
  row.append(note);
  list.append(row);
  frame.listen(field, "input", () => {
    write(state.captions.map((text, at) => (at === index ? field.value : text)));
  });
  frame.listen(field, "focus", () => set({ caption: index }));
  return {
    show({ text, on, unknown, empty, ...numbers }) {
      const typing = (field.getRootNode() as Document | ShadowRoot).activeElement === field;
      if (field.value !== text && !typing) field.value = text;
      setText(label, text);
      mark(choose, "aria-pressed", on);
      if (row.classList.contains("vk-on") !== on) row.classList.toggle("vk-on", on);
      lengthen(fill, "width", numbers.probability);
      hide(ghost, numbers.probabilityBefore === undefined);
      lengthen(ghost, "left", numbers.probabilityBefore ?? 0);
      const arrow = (before: number | undefined, now: number, say: (value: number) => string) =>
        before === undefined ? say(now) : `${say(before)} → ${say(now)}`;
      setText(share, arrow(numbers.probabilityBefore, numbers.probability, percent));
      setText(
        cosine,
        arrow(numbers.cosineBefore, numbers.cosine, (value) => formatNumber(value, 2)),
      );
      setText(note, noteOf(unknown, empty));
    },
  };
}

/** Sets a length to a share, in steps that can be seen. */
function lengthen({ style }: HTMLElement, side: "width" | "left", share: number): void {
  const length = `${Math.round(share * 500) / 5}%`;
  if (style[side] !== length) style[side] = length;
}

/** What the encoder cannot read, in words. */
function noteOf(unknown: string[], empty: boolean): string {
  if (empty) return "the encoder knows none of these words: the numbers mean nothing";
  if (!unknown.length) return "";
  const words = unknown.map((word) => `“${word}”`).join(", ");
  return unknown.length === 1 ? `${words} is unknown to the encoder` : `${words} are unknown to the encoder`;
}

/** The field for one more caption. */
function openNew({ frame, state, set, write }: Context, parent: HTMLElement): void {
  const field = make("input", {
    class: "vk-input vk-text",
    "aria-label": "a new caption",
    placeholder: "type one more caption",
    maxlength: "200",
    autocomplete: "off",
    spellcheck: "false",
  });
  const row = make("div", { class: "vk-new" }, field);
  const add = () => {
    const text = field.value.trim();
    if (!text) return field.focus();
    write([...state.captions, text]);
    set({ caption: state.captions.length - 1 });
    field.value = "";
  };
  frame.button(row, "Add", add, "Add this caption");
  parent.append(row);
  frame.listen<KeyboardEvent>(field, "keydown", ({ key, isComposing }) => {
    // Korean is written in steps; Enter ends one.
    if (key === "Enter" && !isComposing) add();
  });
}
