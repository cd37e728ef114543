import { choose, hide, mark } from "../../shared/dom.ts";
import type { Context } from "../context.ts";
import { headName } from "../stage/maps.ts";
import { isAnythingOff, NOTHING_OFF, SHOWS, showsOf } from "../store.ts";
import { openRare } from "./rare.ts";

/** The controls of the moment: what lies over the picture, which layer, which head; the others are behind "More". */
export function openControls(context: Context, tour: () => void): void {
  const { frame, facts, state, set, onUpdate } = context;
  const { toolbar } = frame;
  const shows = showsOf(facts);
  const names = shows.map((show) => SHOWS[show]);
  const show = frame.select(toolbar, "show", names, SHOWS[state.show], (name) =>
    set({ show: shows[names.indexOf(name as (typeof names)[number])] }),
  );
  const layer = openLayer(context);
  const heads = [-1, ...Array.from({ length: facts.heads }, (_, head) => head)];
  const head =
    facts.layers > 0
      ? frame.select(toolbar, "head", heads.map(headName), headName(state.head), (name) =>
          set({ head: heads[heads.map(headName).indexOf(name)] }),
        )
      : null;
  const words = openWords(context);
  const allOn = frame.button(toolbar, "All on again", () => set({ off: NOTHING_OFF }), "Switch nothing off");
  allOn.classList.add("vk-warn");
  frame.button(toolbar, "Tour", tour, "A tour in steps (t)");
  openRare(context, frame.more().panel);
  onUpdate(() => {
    choose(show, SHOWS[state.show]);
    layer?.show();
    if (head) {
      choose(head, headName(state.head));
      hide(head.parentElement!, state.show !== "attention");
    }
    words?.show();
    hide(allOn, !isAnythingOff(state.off));
  });
}

/** Which words the patches choose from; the labels of an encoder without captions are chosen beside their list. */
function openWords({ frame, answers, state, set }: Context) {
  const { lists } = answers;
  if (!answers.reads || lists.length < 2) return null;
  const names = lists.map(({ name }) => name);
  const select = frame.select(frame.toolbar, "labels", names, answers.list().name, (name) =>
    set({ words: names.indexOf(name) }),
  );
  return {
    show() {
      choose(select, answers.list().name);
      hide(select.parentElement!, state.show !== "labels");
    },
  };
}

function openLayer({ frame, facts, state, set }: Context) {
  if (!facts.layers) return null;
  const name = (depth: number) => (depth ? `${depth} of ${facts.layers}` : "stem");
  const slider = frame.slider(frame.toolbar, {
    label: "layer",
    min: 0,
    max: facts.layers,
    step: 1,
    value: state.depth,
    format: (value) => name(Math.round(value)),
    changed: (value) => set({ depth: Math.round(value) }),
  });
  return {
    show() {
      // Neither the covering of patches nor the picture alone belongs to a layer.
      hide(slider.element, state.show === "covering" || state.show === "nothing");
      mark(slider.element.querySelector("input")!, "min", state.show === "attention" ? "1" : "0");
      slider.set(state.show === "attention" ? Math.max(1, state.depth) : state.depth);
    },
  };
}
