import { make } from "../../shared/dom.ts";
import type { Context } from "../context.ts";
import { NOTHING_OFF } from "../store.ts";
import { STEPS, type Step } from "./steps.ts";

export type Tour = ReturnType<typeof openTour>;

/** A tour in steps. Each lights up a part and asks a question; whoever skips it is free at once. Nothing is remembered. */
export function openTour(context: Context, place: HTMLElement) {
  const { frame, set } = context;
  const steps = STEPS.filter(({ fits }) => !fits || fits(context));
  const id = `vk-tour-${Math.random().toString(36).slice(2)}`;
  const title = make("div", { class: "vk-strong", id: `${id}-title` });
  const text = make("div", { id: `${id}-text` });
  const question = make("div", { class: "vk-question" });
  const answer = make("div", { class: "vk-answer", "aria-live": "polite" });
  // Not modal: what it speaks of is to be touched.
  const dialog = make("div", {
    class: "vk-tour",
    role: "dialog",
    "aria-modal": "false",
    "aria-labelledby": `${id}-title`,
    "aria-describedby": `${id}-text`,
    tabindex: "-1",
  });
  const bar = make("div", { class: "vk-bar" });
  dialog.append(title, text, question, answer, bar);
  dialog.hidden = true;
  place.append(dialog);
  let at = -1;
  let opener: HTMLElement | null = null;
  const lit = () => frame.root.querySelectorAll(".vk-lit");
  const show = (next: number) => {
    if (next >= steps.length) return close();
    at = Math.max(0, next);
    const step = steps[at];
    title.textContent = `${at + 1} of ${steps.length}: ${step.title}`;
    text.textContent = step.text;
    question.textContent = step.question;
    answer.textContent = "";
    back.disabled = at === 0;
    onward.textContent = at + 1 < steps.length ? "Next" : "Finish";
    reveal.disabled = false;
    light(step);
    set({ off: NOTHING_OFF, ...step.scene });
    dialog.hidden = false;
    dialog.focus({ preventScroll: true });
  };
  const light = ({ part }: Step) => {
    for (const element of lit()) element.classList.remove("vk-lit");
    frame.root.dataset.touring = "true";
    frame.root.querySelector(part)?.classList.add("vk-lit");
  };
  const close = () => {
    if (at < 0) return;
    at = -1;
    dialog.hidden = true;
    delete frame.root.dataset.touring;
    for (const element of lit()) element.classList.remove("vk-lit");
    set({ off: NOTHING_OFF });
    opener?.focus({ preventScroll: true });
  };
  const back = frame.button(bar, "Back", () => show(at - 1), "The step before");
  const reveal = frame.button(bar, "Answer", () => {
    answer.textContent = steps[at].answer(context);
    reveal.disabled = true;
    onward.focus({ preventScroll: true });
  });
  const onward = frame.button(bar, "Next", () => show(at + 1), "The next step");
  frame.button(bar, "Skip the tour", close, "Explore by yourself (Escape)");
  frame.listen<KeyboardEvent>(dialog, "keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.preventDefault();
    close();
  });
  const start = () => {
    if (at >= 0) return close();
    opener = (frame.root.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement | null;
    show(0);
  };
  frame.addKeys({ name: "begin or end the tour", keys: "t", run: start });
  return {
    start,
    /** Whether it goes on; a presenter's clicker turns its pages. */
    turn(by: number): boolean {
      if (at < 0) return false;
      show(at + by);
      return true;
    },
  };
}
