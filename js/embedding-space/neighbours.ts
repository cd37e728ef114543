import { unpack } from "../shared/codec.ts";
import type { Frame } from "../shared/frame.ts";
import { formatNumber } from "../shared/numbers.ts";
import { type Neighbour, nearestInPlane } from "./geometry.ts";
import { firstOf, type State } from "./state.ts";

export const WAITING = "Waiting for the kernel (busy or gone?)…";
const CLICK = "Click the point for its true neighbours.";
const TOO_MANY = "Too many points for a page to carry their neighbours.";
const COUNT = 8;

/** True neighbours of a point: of a plane computed here, else from the table that Python sent, else requested. */
export interface Neighbours {
  /** What is known of them, or in words why nothing is; `wanted` is worth a request. */
  of(index: number, wanted?: boolean): Neighbour[] | string;
  forget(): void;
}

interface Found {
  index: number;
  step: number;
  found: number[];
  values: number[];
}

export function openNeighbours(state: State, frame: Frame, arrived: () => void): Neighbours {
  const known = new Map<string, Neighbour[] | string>();
  frame.onResponse((content) => {
    if (content.response !== "neighbours") return;
    const { index, step, found, values } = content as unknown as Found;
    known.set(
      `${step} ${index}`,
      found.map((other, k) => ({ index: other, value: values[k] })),
    );
    arrived();
  });
  return {
    forget: () => known.clear(),
    of(index, wanted = false) {
      const { data, to } = state;
      const listed = fromTable(state, frame.get("table"), index);
      if (listed) return listed;
      const key = `${to.step} ${index}`;
      if (wanted && !known.has(key)) {
        if (data.flat) known.set(key, inPlane(state, index));
        else if (data.live) {
          known.set(key, WAITING);
          frame.request("neighbours", { index, step: to.step });
        }
      }
      return known.get(key) ?? (data.live || data.flat ? CLICK : TOO_MANY);
    },
  };
}

function fromTable(state: State, table: Record<string, never>, index: number): Neighbour[] | null {
  const indices = unpack(table.indices);
  const values = unpack(table.values);
  if (!indices || !values) return null;
  const k = indices.shape[2];
  const at = (firstOf(state) + index) * k;
  return Array.from({ length: k }, (_, j) => ({
    index: indices.data[at + j],
    value: values.data[at + j] / 32767,
  }));
}

function inPlane(state: State, index: number): Neighbour[] {
  const map = state.data.maps.get("none");
  if (!map) return [];
  const found = nearestInPlane(map.points, firstOf(state), state.data.count, index, COUNT);
  return found.map(({ index: other, value }) => ({ index: other, value: (value / 65535) * map.span }));
}

/** What the neighbours are nearest in, and by. */
export function nearestInWords({ flat, across }: State["data"]): string {
  if (flat) return "nearest, by distance";
  return `nearest in ${across ? "other classes, in " : ""}the full space, by cosine`;
}

/** A cosine, or a distance in a plane, for people. */
export function similarityText({ data }: State, value: number): string {
  return data.flat ? formatNumber(value) : value.toFixed(2).replace("-", "−");
}
