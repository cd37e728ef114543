import { projectionNames } from "../../vizkit/constants.json";
import type { Frame } from "../shared/frame.ts";
import { clamp, formatNumber } from "../shared/numbers.ts";
import type { PlaneMap, SpaceData } from "./data.ts";
import { buildGrid, type Grid } from "./geometry.ts";
import type { Place } from "./renderer.ts";

const NAMES: Record<string, string> = projectionNames;

export const projectionName = (name: string) => NAMES[name] ?? name;

/** What one view shows. */
export interface State {
  data: SpaceData;
  from: Place;
  to: Place;
  /** On the way from one map or step to the other, from 0 to 1. */
  progress: number;
  began: number;
  /** Middle of the view in units of the map; how much larger than the whole. */
  camera: { x: number; y: number; zoom: number };
  /** Factors of the sliders. */
  pointSize: number;
  opacity: number;
  hovered: number;
  selected: number[];
  /** Corners of a lasso being drawn, in pixels. */
  lasso: number[][] | null;
  lassoTool: boolean;
  /** The class whose legend is under the pointer, or -1. */
  spotlight: number;
  hidden: Uint8Array;
  showPairs: boolean;
  showGap: boolean;
  showPictures: boolean;
  showNames: boolean;
}

export function initialState(data: SpaceData, frame: Frame): State {
  const to = { name: frame.get("projection"), step: frame.get("step") };
  const hiddenNames: string[] = frame.get("hidden_classes");
  return {
    data,
    from: to,
    to,
    progress: 1,
    began: 0,
    camera: { x: 0.5, y: 0.5, zoom: 1 },
    pointSize: 1,
    opacity: 1,
    hovered: frame.get("hovered"),
    selected: frame.get("selected"),
    lasso: null,
    lassoTool: false,
    spotlight: -1,
    hidden: hiddenFlags(data, hiddenNames),
    showPairs: frame.get("show_pairs"),
    showGap: frame.get("show_gap"),
    showPictures: frame.get("show_thumbnails"),
    showNames: false,
  };
}

/** 1 for each class that is hidden. */
export function hiddenFlags({ classes }: SpaceData, names: string[]): Uint8Array {
  const flags = new Uint8Array(Math.max(1, classes.length));
  classes.forEach((name, code) => {
    flags[code] = Number(names.includes(name));
  });
  return flags;
}

export const isShown = ({ hidden, data }: State, index: number) => !hidden[data.codes[index]];

/** The point that everything is about: under the pointer or the keyboard, else the one selected. */
export function focusOf({ hovered, selected, data }: State): number {
  if (hovered >= 0 && hovered < data.count) return hovered;
  return selected.length === 1 && selected[0] < data.count ? selected[0] : -1;
}

export function mapOf({ data, to }: State): PlaneMap {
  const map = data.maps.get(to.name);
  if (!map) throw new Error(`the projection ${to.name} has not arrived`);
  return map;
}

/** The first point of the step on view. */
export const firstOf = ({ to, data }: State) => to.step * data.count;

export function captionOf({ data }: State, i: number): string {
  const partners = data.partners.get(i) ?? [];
  return data.captions?.[i] || partners.map((j) => data.captions?.[j]).find(Boolean) || "";
}

export const titleOf = (state: State, i: number) => captionOf(state, i) || `point ${i}`;

/** Class, modality and number of a point. */
export function kindOf({ data }: State, i: number): string {
  const { classes, byModality, codes, hasTexts, texts } = data;
  const own = classes.length && !byModality ? classes[codes[i]] : "";
  return [own, hasTexts ? (texts[i] ? "text" : "image") : "", `point ${i}`].filter(Boolean).join(" · ");
}

/** A point's coordinates on the map, as Python has them. */
export function coordinatesOf(state: State, i: number): string {
  const { low, span, points } = mapOf(state);
  const at = 2 * (firstOf(state) + i);
  return [0, 1].map((axis) => formatNumber(low[axis] + (points[at + axis] / 65535) * span)).join(", ");
}

/** Turns between units of the map, 16-bit units and pixels of the plot. */
export interface Camera {
  /** Pixels for one unit of the map. */
  scale(): number;
  /** A point's place in units of the map, on its way between two maps. */
  unitOf(index: number): [number, number];
  pixel(x: number, y: number): [number, number];
  pixelOf(index: number): [number, number];
  /** Pixels of the plot to 16-bit units. */
  unitAt(x: number, y: number): [number, number];
}

const MARGIN = 48;

export function cameraOf(state: State, size: () => { width: number; height: number }): Camera {
  const scale = () => {
    const { width, height } = size();
    const [across, up] = mapOf(state).extent;
    const fit = Math.min((width - MARGIN) / across || 1e9, (height - MARGIN) / up || 1e9, 1e6);
    return fit * state.camera.zoom;
  };
  const unitOf = (index: number): [number, number] => {
    const { from, to, progress, data } = state;
    const at = ({ name, step }: Place, axis: number) =>
      (data.maps.get(name)?.points[2 * (step * data.count + index) + axis] ?? 0) / 65535;
    const mixed = (axis: number) =>
      progress < 1 ? at(from, axis) * (1 - progress) + at(to, axis) * progress : at(to, axis);
    return [mixed(0), mixed(1)];
  };
  const pixel = (x: number, y: number): [number, number] => {
    const { width, height } = size();
    const { camera } = state;
    return [(x - camera.x) * scale() + width / 2, height / 2 - (y - camera.y) * scale()];
  };
  return {
    scale,
    unitOf,
    pixel,
    pixelOf: (index) => pixel(...unitOf(index)),
    unitAt(x, y) {
      const { width, height } = size();
      const { camera } = state;
      const right = ((x - width / 2) / scale() + camera.x) * 65535;
      return [right, ((height / 2 - y) / scale() + camera.y) * 65535];
    },
  };
}

/** Zooms around a place in pixels, which stays where it is. */
export function zoomAt(state: State, camera: Camera, factor: number, x: number, y: number): void {
  const before = camera.unitAt(x, y);
  state.camera.zoom = clamp(0.4, state.camera.zoom * factor, 400);
  const after = camera.unitAt(x, y);
  state.camera.x += (before[0] - after[0]) / 65535;
  state.camera.y += (before[1] - after[1]) / 65535;
}

/** Indices for the pointer, each built when it is first needed: never before the first picture. */
export function openGrids(state: State): (place: Place) => Grid {
  const grids = new Map<string, Grid>();
  return (place) => {
    const key = `${place.name} ${place.step}`;
    const known = grids.get(key);
    if (known) return known;
    if (grids.size > 40) grids.clear();
    const { maps, count } = state.data;
    const points = maps.get(place.name)?.points ?? new Uint16Array(2 * count);
    const grid = buildGrid(points, place.step * count, count);
    grids.set(key, grid);
    return grid;
  };
}
