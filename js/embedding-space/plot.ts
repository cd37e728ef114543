import { lighterOnDark } from "../../vizkit/constants.json";
import type { Atlas } from "../shared/atlas.ts";
import { CATEGORY_COLORS, rgb } from "../shared/color.ts";
import { contextOf, make } from "../shared/dom.ts";
import type { Frame } from "../shared/frame.ts";
import { clamp } from "../shared/numbers.ts";
import { markLook } from "./geometry.ts";
import { openPlain } from "./plain.ts";
import { type Drawing, type Renderer, SELECTED, sortPairs } from "./renderer.ts";
import { type Camera, isShown, type State } from "./state.ts";
import { drawThumbnails } from "./thumbnails.ts";
import { openWebGL } from "./webgl.ts";

/** The points, and pictures as marks: everything that does not follow the pointer. */
export interface Plot {
  /** Colours of the classes as CSS, by code. */
  colors(): string[];
  /** Radius and opacity of the marks, in CSS pixels. */
  look(): { radius: number; alpha: number };
  /** Selection or classes changed. */
  update(): void;
  /** Draws if anything changed since; `quick` a sample, while things move. */
  draw(quick: boolean): void;
  requestDraw(): void;
  /** Whether what is requested has not been drawn yet. */
  pending(): boolean;
  /** A frame came late: the sample gets smaller, or larger again. */
  resample(by: number): void;
  /** Whether a sample has to stand for the points while they move. */
  sampled(): boolean;
}

/** From so many points on a sample is drawn while they move; and where all take longer than `LATE` milliseconds, from
 * so few on. */
const LARGE = 150_000;
const CROWD = 10_000;
const LATE = 28;

/** Primes, so that a pattern in the order of the points does not show in the sample. */
const STRIDES = [7, 13, 19, 29, 41, 61, 127, 251];
const SAMPLE = 60_000;
const LEAST_SAMPLE = 4_000;

interface Parts {
  state: State;
  frame: Frame;
  camera: Camera;
  size: () => { width: number; height: number };
  plot: HTMLElement;
  atlas: () => Atlas | null;
  /** Colours have changed. */
  recolored: (css: string[]) => void;
}

export function openPlot({ state, frame, camera, size, plot, atlas, recolored }: Parts): Plot {
  const { data } = state;
  const pictures = make("canvas", { class: "vk-layer" });
  const swatch = contextOf(make("canvas"));
  const flags = new Uint8Array(data.count);
  let css: string[] = [];
  let dirty = true;
  let madeFor = "";
  let extra = 0;
  let lastDraw = 0;
  let took = 0;
  const renderers = openRenderers(data, plot, () => {
    frame.root.dataset.renderer = renderers.current().kind;
    madeFor = "";
    update();
  });
  frame.onClose(renderers.close);
  frame.root.dataset.renderer = renderers.current().kind;
  plot.append(pictures);

  const requestDraw = () => {
    dirty = true;
    frame.requestDraw();
  };
  const update = () => {
    flags.set(data.texts);
    for (const i of state.selected) if (i < data.count) flags[i] |= SELECTED;
    const renderer = renderers.current();
    renderer.setFlags(flags);
    const { ends, strong } = sortPairs(data, (i) => isShown(state, i), flags, state.selected.length > 0);
    renderer.setPairs(ends, strong);
    requestDraw();
  };
  const recolor = () => {
    const colors = classColors(state, frame.dark());
    css = [...state.hidden].map((_, code) => `rgb(${colors.slice(4 * code, 4 * code + 3)})`);
    renderers.current().setColors(colors);
    recolored(css);
  };
  const look = () => {
    const { zoom } = state.camera;
    const { width, height } = size();
    const found = markLook(data.count / Math.max(1, zoom * zoom), width * height);
    const radius = (found.size / 2) * state.pointSize * Math.sqrt(frame.scale());
    return { radius, alpha: clamp(0.03, found.alpha * state.opacity, 1) };
  };
  frame.onReturn(plot, requestDraw); // WebKitGTK loses what WebGL drew off view, as in a cell further down
  return {
    colors: () => css,
    look,
    update,
    requestDraw,
    pending: () => dirty,
    sampled: () => data.count > LARGE || (data.count > CROWD && took > LATE),
    resample(by) {
      extra = Math.max(0, extra + by);
    },
    draw(quick) {
      const { width, height } = size();
      const ratio = window.devicePixelRatio || 1;
      const now = [width, height, ratio, frame.dark(), frame.scale(), [...state.hidden].join("")].join();
      if (!dirty && madeFor === now) return;
      dirty = false;
      if (madeFor !== now) {
        for (const canvas of [renderers.current().canvas, pictures]) {
          canvas.width = Math.round(width * ratio);
          canvas.height = Math.round(height * ratio);
        }
        recolor();
        madeFor = now;
      }
      const time = performance.now();
      if (quick && time - lastDraw > LATE && time - lastDraw < 500) extra++;
      lastDraw = time;
      const stride = strideOf(data.count, quick, extra);
      const parts = { state, camera, width, height, ratio, quick, stride, look: look() };
      const drawn = renderers.current().draw({ ...drawingOf(parts), ...papers(swatch, frame) });
      if (!quick) took = performance.now() - time;
      const tiles = state.showPictures ? atlas() : null;
      // A layer with nothing on it would still be laid over the points in every frame.
      pictures.hidden = !tiles;
      if (tiles)
        drawThumbnails(contextOf(pictures), { state, camera, width, height, ratio, tiles, css, frame });
      frame.root.dataset.drawn = String(drawn);
    },
  };
}

function strideOf(count: number, quick: boolean, extra: number): number {
  if (!quick) return count > 3000 ? 7 : 1;
  const fit = STRIDES.findIndex((prime) => count / prime < SAMPLE);
  const most = STRIDES.filter((prime) => count / prime > LEAST_SAMPLE).length - 1;
  return STRIDES[clamp(0, Math.min((fit < 0 ? 5 : fit) + extra, most), STRIDES.length - 1)];
}

interface DrawingParts {
  state: State;
  camera: Camera;
  width: number;
  height: number;
  ratio: number;
  quick: boolean;
  stride: number;
  look: { radius: number; alpha: number };
}

function drawingOf(parts: DrawingParts): Omit<Drawing, "paper" | "line"> {
  const { state, camera, width, height, ratio, quick, stride, look } = parts;
  const { data, from, to, progress, spotlight, selected, showPairs } = state;
  const scale = camera.scale();
  return {
    center: [state.camera.x, state.camera.y],
    stretch: [(2 * scale) / width, (2 * scale) / height],
    from,
    to,
    progress,
    radius: look.radius * ratio,
    alpha: quick ? Math.min(1, look.alpha * 3) : look.alpha,
    stride,
    passes: quick ? 1 : stride,
    selection: selected.length > 0,
    spotlight,
    lines: showPairs && !!data.pairs,
    lineAlpha: clamp(0.12, 12 / Math.sqrt((data.pairs?.length ?? 0) + 1), 0.5),
  };
}

/** The paper's and the lines' colours, from 0 to 1. */
function papers(context: CanvasRenderingContext2D, frame: Frame): Pick<Drawing, "paper" | "line"> {
  context.fillStyle = frame.color("paper"); // read back as #rrggbb, whatever the theme calls it
  const paper = rgb(String(context.fillStyle)).map((part) => part / 255) as Drawing["paper"];
  const grey = frame.dark() ? 0.75 : 0.35;
  return { paper, line: [grey, grey, grey] };
}

/** Colours of the classes, RGBA, 256 a row; lighter on dark paper, transparent where hidden. */
function classColors({ data, hidden }: State, dark: boolean): Uint8Array {
  const table = new Uint8Array(1024 * Math.ceil(hidden.length / 256));
  hidden.forEach((off, code) => {
    const own = rgb(data.colors?.[code] ?? CATEGORY_COLORS[code % CATEGORY_COLORS.length]);
    const mixed = own.map((part) => (dark ? Math.round(part + (255 - part) * lighterOnDark) : part));
    table.set([...mixed, off ? 0 : 255], 4 * code);
  });
  return table;
}

type Placed = Renderer & { canvas: HTMLCanvasElement };

/** The graphics card while it gives a context, else a canvas. A browser takes the oldest context away when a page
 * has more than it allows; the picture stays. */
function openRenderers(data: State["data"], plot: HTMLElement, changed: () => void) {
  const card = make("canvas", { class: "vk-layer" });
  const plain = make("canvas", { class: "vk-layer" });
  plot.append(card, plain);
  let current: Placed;
  const choose = () => {
    const found = openWebGL(card, data);
    card.hidden = !found;
    plain.hidden = !!found;
    current = found ? { ...found, canvas: card } : { ...openPlain(plain, data), canvas: plain };
  };
  choose();
  const lost = (event: Event) => {
    if (card.hidden) return; // given back because it is none
    event.preventDefault(); // asks the browser to give it back
    card.hidden = true;
    plain.hidden = false;
    current = { ...openPlain(plain, data), canvas: plain };
    changed();
  };
  const restored = () => {
    choose();
    changed();
  };
  card.addEventListener("webglcontextlost", lost);
  card.addEventListener("webglcontextrestored", restored);
  return {
    current: () => current,
    close() {
      card.removeEventListener("webglcontextlost", lost);
      card.removeEventListener("webglcontextrestored", restored);
      current.close();
    },
  };
}
