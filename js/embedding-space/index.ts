import { type Atlas, openAtlas } from "../shared/atlas.ts";
import { make } from "../shared/dom.ts";
import { type Frame, openFrame } from "../shared/frame.ts";
import type { View } from "../shared/model.ts";
import { clamp } from "../shared/numbers.ts";
import type { Surface } from "../shared/painter.ts";
import { type Actions, openActions } from "./actions.ts";
import { showCard } from "./card.ts";
import { type Controls, openControls } from "./controls.ts";
import { dataOf, readMaps } from "./data.ts";
import { showFigures } from "./figures.ts";
import { openLegend } from "./legend.ts";
import { openNeighbours } from "./neighbours.ts";
import { drawOverlay } from "./overlay.ts";
import { openPlot, type Plot } from "./plot.ts";
import { openPointer } from "./pointer.ts";
import { cameraOf, focusOf, hiddenFlags, initialState, openGrids, type State } from "./state.ts";
import { statusLine } from "./status.ts";

const HELP = "Drag to move, Ctrl and wheel to zoom, shift-drag to select; ? lists the keys";

function render(view: View): () => void {
  const frame = openFrame(view, { kind: "EmbeddingSpace", help: HELP });
  const data = dataOf(view.model);
  const state = initialState(data, frame);
  const room = make("div", { class: "vk-plot" });
  const side = make("div", { class: "vk-side" });
  const figures = make("div", { class: "vk-figures" });
  const card = make("div", { class: "vk-card" });
  frame.stage.append(room, side);
  if (data.atlas) card.style.setProperty("--vk-atlas", `url(${data.atlas.png})`);

  // Of the canvas that follows the pointer, which lies on top; it is made last.
  let surface: Surface | null = null;
  const size = () => ({
    width: surface?.width || room.clientWidth,
    height: surface?.height || room.clientHeight,
  });
  const camera = cameraOf(state, size);
  const gridOf = openGrids(state);
  let pictures: Atlas | null = null;
  const neighbours = openNeighbours(state, frame, () => {
    tell();
    frame.requestDraw();
  });
  const showNeighbours = () =>
    showCard(card, state, neighbours, plot.colors(), (index) => {
      actions.hover(index);
      actions.select([index]);
    });
  const tell = () => {
    const wanted = state.selected[0] === focusOf(state) || data.count <= 20_000;
    if (focusOf(state) >= 0) neighbours.of(focusOf(state), wanted);
    showNeighbours();
    frame.say(statusLine(state, neighbours, frame.get("search").trim()));
  };
  const legend = openLegend(state, frame, {
    hide: (off) => actions.hide(off),
    spotlight: (code) => actions.spotlight(code),
  });
  side.append(figures, legend.element, card);
  const plot: Plot = openPlot({
    state,
    frame,
    camera,
    size,
    plot: room,
    atlas: () => pictures,
    recolored(css) {
      legend.recolor(css);
      showNeighbours();
    },
  });
  if (data.atlas) pictures = openAtlas(data.atlas, plot.requestDraw);
  const showHidden = () => {
    legend.show();
    plot.update();
  };
  let isHeld = () => false;
  const actions: Actions = openActions({
    state,
    frame,
    camera,
    plot,
    neighbours,
    gridOf,
    size,
    tell,
    showHidden,
    atlas: () => pictures,
    canvas: () => overlay.canvas,
    held: () => isHeld(),
    showFigures: () => showFigures(figures, state),
  });
  const overlay = openOverlay(state, frame, room, (pen) => {
    advance(state, plot);
    plot.draw(actions.moving());
    drawOverlay(pen, { state, frame, camera, neighbours, radius: plot.look().radius });
  });
  surface = overlay;
  isHeld = openPointer({ state, frame, camera, plot, canvas: overlay.canvas, size, gridOf, actions });
  const controls = openControls({ state, frame, actions, plot, canvas: overlay.canvas });
  watchTraits({ state, frame, actions, controls, plot, tell, showHidden });
  frame.onFullScreen(() => frame.root.style.setProperty("--vk-room", `${frame.heightBelow(room)}px`));
  showFigures(figures, state);
  showHidden();
  if (frame.get("search") && !state.selected.length) actions.search();
  tell();
  frame.later(() => {
    gridOf(state.to);
    if (!data.flat && data.quick && !frame.get("table").indices) frame.request("table");
  }, 300);
  return frame.close;
}

/** The canvas on top, which takes the pointer and the keys. */
function openOverlay(
  state: State,
  frame: Frame,
  room: HTMLElement,
  draw: (pen: CanvasRenderingContext2D) => void,
) {
  const label = `Map of ${state.data.count} embeddings; arrow keys walk from point to point`;
  const paint = ({ context }: Surface) => {
    draw(context);
    frame.ready();
  };
  return frame.surface(room, label, paint, {
    class: "vk-canvas vk-layer",
    role: "application",
    tabindex: "0",
  });
}

/** Moves the points on their way from one map or step to the next. */
function advance(state: State, plot: Plot): void {
  if (state.progress < 1) {
    const steps = state.data.stepNames.length;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const duration = still ? 1 : steps > 1 ? clamp(120, 6000 / steps, 650) : 650;
    state.progress = clamp(0, (performance.now() - state.began) / duration, 1);
    plot.requestDraw();
  }
  if (state.progress === 1) state.from = state.to;
}

interface Watched {
  state: State;
  frame: Frame;
  actions: Actions;
  controls: Controls;
  plot: Plot;
  tell: () => void;
  showHidden: () => void;
}

/** What Python or a linked widget sets. */
function watchTraits({ state, frame, actions, controls, plot, tell, showHidden }: Watched): void {
  frame.watch("hovered", (index: number) => {
    state.hovered = index;
    frame.tooltip(null);
    tell();
    frame.requestDraw();
  });
  frame.watch("selected", (indices: number[]) => {
    state.selected = indices;
    plot.update();
    tell();
  });
  frame.watch("search", (text: string) => {
    controls.showSearch(text);
    actions.search();
  });
  frame.watch("hidden_classes", (names: string[]) => {
    state.hidden.set(hiddenFlags(state.data, names));
    showHidden();
  });
  frame.watch("projection", (name: string) => {
    controls.showMap(name);
    actions.go(name, state.to.step);
  });
  frame.watch("step", (step: number) => {
    controls.showStep(step);
    actions.go(state.to.name, step);
  });
  frame.watch("maps", (maps) => {
    readMaps(state.data, maps);
    actions.go(frame.get("projection"), state.to.step);
  });
  frame.watch("table", () => {
    tell();
    frame.requestDraw();
  });
}

export default { render };
