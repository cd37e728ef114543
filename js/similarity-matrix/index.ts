import { make } from "../shared/dom.ts";
import { type Frame, openFrame } from "../shared/frame.ts";
import type { View } from "../shared/model.ts";
import { shorten } from "../shared/name.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";
import type { Surface } from "../shared/painter.ts";
import { openActions } from "./actions.ts";
import { openColorBar } from "./color-bar.ts";
import { openControls } from "./controls.ts";
import { dataOf, loadMatrix, openThumbnails } from "./data.ts";
import { labelsOn } from "./labels.ts";
import { arrange, type Layout } from "./layout.ts";
import { openPainting } from "./painting.ts";
import { paintCross, paintImages, paintMatrix, paintTexts } from "./picture.ts";
import { openPointer } from "./pointer.ts";
import { openRanking } from "./ranking.ts";
import { arePair, asGiven, NOTHING, nameOf, type State, sortByCluster, symbolOf } from "./state.ts";
import { openTiles } from "./tiles.ts";
import { SIMILARITY, viewOf } from "./views.ts";
import { watchTraits } from "./watch-traits.ts";
import { showAll, zoomBy } from "./zoom.ts";

function initialState({ model }: View, frame: Frame): State {
  const data = dataOf(model);
  const { rows, columns } = data;
  return {
    data,
    view: viewOf(frame.get("view")),
    temperature: frame.get("temperature"),
    bias: frame.get("bias"),
    step: frame.get("step"),
    cursor: NOTHING,
    zoom: { row: 0, column: 0, rows, columns },
    drag: null,
    matrix: null,
    now: null,
    progress: 0,
    rowOrder: asGiven(rows),
    columnOrder: asGiven(columns),
    sorted: false,
    pinnedRows: () => frame.get("selected").filter((row: number) => row < rows),
    pinnedTexts: () => frame.get("selected_text").filter((column: number) => column < columns),
  };
}

/** Letters of a caption that is told. */
const MOST_LETTERS = 100;

/** What the status line and the tooltip say of the cell under the cursor. */
function cellLines(state: State): string[] {
  const { cursor, data, matrix, now, view } = state;
  const { row, column } = cursor;
  if (column < 0) return [row < 0 ? sizeOf(state) : nameOf(state, row, false)];
  const lines = [shorten(nameOf(state, column, true), MOST_LETTERS)];
  if (!matrix || !now || row < 0) return lines;
  const pair = arePair(state, row, column) ? ", a pair" : "";
  if (data.numImages) lines.push(`and ${shorten(nameOf(state, row, false), MOST_LETTERS)}${pair}`);
  else lines.push(`image ${row} × text ${column}${pair}`);
  lines.push(`${data.measure} ${formatNumber(SIMILARITY.value(matrix, now, row, column))}`);
  if (view !== SIMILARITY)
    lines.push(`${symbolOf(state)} ${formatNumber(view.value(matrix, now, row, column))}`);
  return lines;
}

function sizeOf({ data }: State): string {
  const { rows, columns, numImages } = data;
  if (!numImages) return `${rows} images × ${columns} texts`;
  return `${numImages} images and ${rows - numImages} texts against both`;
}

function render(view: View): () => void {
  const frame = openFrame(view, { kind: "SimilarityMatrix", help: "Keys (?)" });
  const state = initialState(view, frame);
  const { data } = state;
  let thumbnailsReady = !data.thumbnails;
  const thumbnails = openThumbnails(data, () => {
    thumbnailsReady = true;
    ranking.show();
    frame.requestDraw();
  });
  const painting = openPainting(state);
  const tiles = openTiles(data);
  const ranking = openRanking(state, frame, thumbnails, () => thumbnailsReady);
  const tell = () => frame.say(cellLines(state).join(" · "));

  /** Brings everything up to date that depends on the numbers. */
  const compute = () => {
    if (!painting.update() || !state.matrix || !state.now) return;
    tiles.show(state.matrix, state.now);
    ranking.show();
    tell();
  };
  let pending = 0;
  /** The matrix of cosines stays as it is while temperature and bias move the numbers beside it. */
  const refresh = () => {
    if (state.view.heated) frame.requestDraw();
    else
      pending ||= requestAnimationFrame(() => {
        pending = 0;
        compute();
      });
  };
  frame.onClose(() => cancelAnimationFrame(pending));

  let cancelLoad = () => {};
  const load = () => {
    cancelLoad();
    painting.forget();
    state.matrix = data.ready.get(state.step) ?? null;
    if (state.matrix) return frame.requestDraw();
    cancelLoad = loadMatrix(
      data,
      state.step,
      (share, slow) => {
        state.progress = share;
        if (!slow) return;
        tiles.stale();
        frame.requestDraw();
      },
      (matrix) => {
        state.matrix = matrix;
        if (state.sorted) sortByCluster(state, true);
        frame.draw();
      },
    );
  };
  frame.onClose(() => cancelLoad());

  const actions = openActions(state, frame, {
    requestDraw: frame.requestDraw,
    refresh,
    showRanking: ranking.show,
    tell,
    viewChanged: () => controls.show(),
  });
  const goTo = (step: number) => {
    state.step = step;
    frame.write("step", step);
    load();
  };
  const controls = openControls(state, frame, actions, goTo);
  controls.show();

  let layout: Layout;
  let ratio = devicePixelRatio;
  const colorBar = openColorBar();
  const paint = (surface: Surface) => {
    compute();
    if (ratio !== devicePixelRatio) {
      ratio = devicePixelRatio;
      ranking.show();
    }
    const room = roomFor(state, frame, surface, !!thumbnails);
    layout = arrange(room);
    const { canvas, width, height } = surface;
    // Once only: where the page's own style rules the height, it stays.
    if (Math.abs(layout.total - height) > 1 && canvas.style.height !== `${layout.total}px`) {
      canvas.style.height = `${layout.total}px`;
      return true;
    }
    const labels = labelsOn(surface.context, frame);
    const { bitmap, colorOf } = painting;
    const parts = { layout, labels, thumbnails, bitmap, colorOf };
    const scene = { state, frame, width, unit: frame.scale(), ...parts };
    for (const part of [paintMatrix, paintImages, paintTexts, paintCross, colorBar]) part(scene);
    const { zoom } = state;
    // Where the cells are, for tests.
    const cells = [layout.left, layout.top, layout.width, layout.height];
    canvas.dataset.cells = [...cells, zoom.row, zoom.column, zoom.rows, zoom.columns].join();
    if (state.matrix && thumbnailsReady) frame.ready();
    return false;
  };
  const label = `${sizeOf(state).replace("×", "by")}: arrows move the cell, Enter pins`;
  const attributes = { tabindex: "0", role: "application", class: "vk-canvas sm-main" };
  const surface = frame.surface(frame.stage, label, paint, attributes);
  frame.stage.append(make("div", { class: "sm-side" }, tiles.element, ranking.element));
  openPointer({
    state,
    frame,
    surface,
    layout: () => layout,
    actions,
    thumbnails,
    cellLines: () => cellLines(state),
  });
  addZoomKeys(state, frame);
  frame.onFullScreen(ranking.show);
  watchTraits(state, frame, { actions, controls, load, refresh, showRanking: ranking.show });
  load();
  return frame.close;
}

/** The most that the picture may take: in full screen all that stands above leaves, else most of a window. */
function roomFor(state: State, frame: Frame, { canvas, context, width }: Surface, images: boolean) {
  const { zoom, data } = state;
  const unit = frame.scale();
  const full = frame.fillsRoom();
  const height = full ? Math.max(260, frame.heightBelow(canvas)) : clamp(420, 0.9 * window.innerHeight, 900);
  context.font = frame.font(12);
  const shown = zoom.columns > 60 ? [] : state.columnOrder.at.slice(zoom.column, zoom.column + zoom.columns);
  const widths = data.captions.length
    ? shown.map((column) => context.measureText(nameOf(state, column, true)).width + 4)
    : [];
  const ofRows = data.numImages ? data.captions.map((text) => context.measureText(text).width) : [];
  const { rows, columns } = zoom;
  return {
    width,
    height,
    rows,
    columns,
    unit,
    images,
    square: data.paired || data.numImages > 0,
    full,
    caption: Math.max(0, ...widths),
    rowCaption: Math.max(0, ...ofRows),
  };
}

function addZoomKeys(state: State, frame: Frame): void {
  const around = (key: string) => {
    const { cursor, rowOrder, columnOrder } = state;
    const place = [rowOrder.placeOf[cursor.row] ?? 0, columnOrder.placeOf[cursor.column] ?? 0] as const;
    zoomBy(state, key === "-" ? 1.5 : 1 / 1.5, ...place);
    frame.requestDraw();
  };
  const all = () => {
    showAll(state);
    frame.requestDraw();
  };
  frame.addKeys(
    { name: "zoom", keys: "+ / = / -", run: ({ key }) => around(key) },
    { name: "whole matrix", keys: "0", run: all },
  );
}

export default { render };
