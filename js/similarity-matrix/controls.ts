import type { Toggle } from "../shared/controls.ts";
import type { Frame } from "../shared/frame.ts";
import { formatNumber } from "../shared/numbers.ts";
import type { Actions } from "./actions.ts";
import { MOST_ORDERED } from "./order.ts";
import type { State } from "./state.ts";
import { type MatrixView, SIMILARITY, VIEWS, viewOf } from "./views.ts";

export interface Controls {
  /** Shows the state, and only what does something in this view. */
  show(): void;
  showStep(): void;
}

export function openControls(
  state: State,
  frame: Frame,
  actions: Actions,
  goTo: (step: number) => void,
): Controls {
  const { toolbar } = frame;
  const { data } = state;
  const names = VIEWS.map(({ name }) => name);
  const view = frame.select(toolbar, "view", names, state.view.name, (name) => actions.setView(viewOf(name)));
  const offered = data.numImages ? [SIMILARITY] : VIEWS.filter(({ paired }) => !paired || data.paired);
  for (const option of view.options) option.disabled = !offered.includes(viewOf(option.value));
  const temperature = frame.slider(toolbar, {
    label: "temperature τ",
    min: 0.005,
    max: 2,
    log: true,
    value: state.temperature,
    format: (value) => `${formatNumber(value)} · logit_scale ${formatNumber(1 / value)}`,
    changed: actions.setTemperature,
  });
  const bias = frame.slider(toolbar, {
    label: "bias",
    min: -20,
    max: 10,
    step: 0.1,
    value: state.bias,
    changed: actions.setBias,
  });
  const steps =
    data.steps > 1
      ? frame.scrubber(toolbar, { label: "step", names: data.stepNames, value: state.step, changed: goTo })
      : null;
  let sorted: Toggle | null = null;
  if (Math.max(data.rows, data.columns) <= MOST_ORDERED && data.rows > 2)
    sorted = frame.toggle(
      toolbar,
      "sort",
      false,
      actions.sort,
      "Put what is alike side by side, or as given (o)",
    );
  addKeys(state, frame, actions, { temperature, sorted, offered });
  return {
    show() {
      view.value = state.view.name;
      temperature.set(state.temperature);
      bias.set(state.bias);
      bias.element.hidden = !state.view.biased;
      temperature.element.hidden = !data.paired && !state.view.heated; // cosines know none, losses do
      if (view.parentElement) view.parentElement.hidden = data.numImages > 0; // there is one view
    },
    showStep: () => steps?.set(state.step),
  };
}

interface Handles {
  temperature: ReturnType<Frame["slider"]>;
  sorted: Toggle | null;
  /** The views that these data have. */
  offered: MatrixView[];
}

function addKeys(
  state: State,
  frame: Frame,
  actions: Actions,
  { temperature, sorted, offered }: Handles,
): void {
  const turn = (by: number) => {
    const next = offered.indexOf(state.view) + by + offered.length;
    actions.setView(offered[next % offered.length]);
  };
  const { columns } = state.data;
  const moves: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -columns],
    End: [0, columns],
  };
  const walk = ({ key }: KeyboardEvent) => actions.walk(...moves[key]);
  const heat = ({ key }: KeyboardEvent) => {
    temperature.set(state.temperature * (key === "[" ? 1 / 1.1 : 1.1));
    actions.setTemperature(temperature.value());
  };
  frame.addKeys(
    { name: "move the cell", keys: "ArrowUp / ArrowDown / ArrowLeft / ArrowRight", run: walk },
    { name: "first or last text", keys: "Home / End", run: walk },
    { name: "pin or release the row", keys: "Enter", run: () => actions.pin() },
    { name: "pin or release the column", keys: "c", run: () => actions.pin(true) },
    { name: "next view", keys: "v / PageDown", run: () => turn(1) },
    { name: "view before", keys: "V / PageUp", run: () => turn(-1) },
    { name: "lower or raise the temperature", keys: "[ / ]", run: heat },
  );
  if (sorted) frame.addKeys({ name: "sort, or as given", keys: "o", run: () => sorted.element.click() });
}
