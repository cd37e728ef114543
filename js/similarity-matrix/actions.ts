import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";
import { type Cell, type State, sortByCluster, subjectOf } from "./state.ts";
import type { MatrixView } from "./views.ts";
import { keepInSight } from "./zoom.ts";

/** What a person can do, by pointer or keyboard alike. */
export interface Actions {
  /** Moves the cursor; `own` unless Python or a linked widget did. */
  moveTo(next: Cell, own?: boolean): void;
  /** Moves the cursor by places, and keeps it in sight. */
  walk(down: number, right: number): void;
  /** Pins or releases the row, or the column, under the cursor. */
  pin(column?: boolean): void;
  setView(view: MatrixView): void;
  setTemperature(value: number): void;
  setBias(value: number): void;
  sort(on: boolean): void;
}

export interface Effects {
  /** The picture is to be drawn again. */
  requestDraw(): void;
  /** Numbers beside the picture are to be brought up to date. */
  refresh(): void;
  /** Row or column in the panel changed. */
  showRanking(): void;
  tell(): void;
  /** The view changed: its controls come and go. */
  viewChanged(): void;
}

export function openActions(state: State, frame: Frame, effects: Effects): Actions {
  const moveTo = (next: Cell, own = true) => {
    const { cursor } = state;
    if (next.row === cursor.row && next.column === cursor.column) return;
    const before = JSON.stringify(subjectOf(state));
    state.cursor = next;
    if (own) {
      frame.write("hovered", next.row);
      frame.write("hovered_text", next.column);
    }
    if (before !== JSON.stringify(subjectOf(state))) effects.showRanking();
    effects.tell();
    effects.requestDraw();
  };
  return {
    moveTo,
    walk(down, right) {
      const { cursor, data, rowOrder, columnOrder } = state;
      const none = cursor.row < 0 || cursor.column < 0;
      const row = none ? 0 : clamp(0, rowOrder.placeOf[cursor.row] + down, data.rows - 1);
      const column = none ? 0 : clamp(0, columnOrder.placeOf[cursor.column] + right, data.columns - 1);
      keepInSight(state, row, column);
      moveTo({ row: rowOrder.at[row], column: columnOrder.at[column] });
      // The line below says it; a tooltip would cover the cells around.
      frame.tooltip(null);
      effects.requestDraw();
    },
    pin(
      column = state.cursor.row < 0 ||
        (state.view.name === "softmax over images" && state.cursor.column >= 0),
    ) {
      const index = column ? state.cursor.column : state.cursor.row;
      if (index < 0) return;
      const [own, other] = column ? ["selected_text", "selected"] : ["selected", "selected_text"];
      const pinned: number[] = frame.get(own);
      frame.write(other, []);
      frame.write(own, pinned.length === 1 && pinned[0] === index ? [] : [index]);
      effects.showRanking();
      effects.requestDraw();
    },
    setView(view) {
      state.view = view;
      frame.write("view", view.name);
      effects.viewChanged();
      effects.requestDraw();
    },
    setTemperature(value) {
      state.temperature = value;
      frame.write("temperature", value);
      effects.refresh();
    },
    setBias(value) {
      state.bias = value;
      frame.write("bias", value);
      effects.refresh();
    },
    sort(on) {
      sortByCluster(state, on);
      effects.requestDraw();
    },
  };
}
