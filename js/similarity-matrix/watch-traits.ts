import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";
import type { Actions } from "./actions.ts";
import type { Controls } from "./controls.ts";
import type { State } from "./state.ts";
import { viewOf } from "./views.ts";

interface Watched {
  actions: Actions;
  controls: Controls;
  load(): void;
  refresh(): void;
  showRanking(): void;
}

/** What Python or a linked widget sets. */
export function watchTraits(
  state: State,
  frame: Frame,
  { actions, controls, load, refresh, showRanking }: Watched,
): void {
  const { rows, columns, steps } = state.data;
  frame.watch("view", (name) => {
    state.view = viewOf(name);
    controls.show();
    frame.requestDraw();
  });
  for (const name of ["temperature", "bias"] as const)
    frame.watch(name, (value) => {
      state[name] = value;
      controls.show();
      refresh();
    });
  frame.watch("step", (step) => {
    state.step = clamp(0, step, steps - 1);
    controls.showStep();
    load();
  });
  frame.watch("hovered", (row) => actions.moveTo({ ...state.cursor, row: row < rows ? row : -1 }, false));
  frame.watch("hovered_text", (column) =>
    actions.moveTo({ ...state.cursor, column: column < columns ? column : -1 }, false),
  );
  for (const trait of ["selected", "selected_text"])
    frame.watch(trait, () => {
      showRanking();
      frame.requestDraw();
    });
}
