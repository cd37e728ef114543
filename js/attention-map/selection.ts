import type { Frame } from "../shared/frame.ts";
import type { About, ModelMaps } from "./data.ts";
import { cellAt, type Place, POOLING, placeOf, tokenAt } from "./places.ts";

export const MODES = ["one head", "mean over heads", "max over heads", "rollout"] as const;
export const [ONE_HEAD, , LARGEST, ROLLOUT] = MODES;

export type Selection = ReturnType<typeof openSelection>;

/** What a person has chosen: layer, head, and whose map is shown. */
export function openSelection(frame: Frame, about: About) {
  const { get } = frame;
  const { sides } = about;
  const depth = sides[0].layers.length;
  const mostHeads = Math.max(...sides.flatMap((side) => side.layers.map((layer) => layer.heads)));
  /** The layer of a second model at the same share of its depth. */
  const layerOf = (side: number): number => {
    const last = sides[side].layers.length - 1;
    return depth > 1 ? Math.floor((get("layer") * last) / (depth - 1) + 0.5) : last;
  };
  const headOf = (side: number): number => Math.min(get("head"), sides[side].layers[layerOf(side)].heads - 1);
  return {
    depth,
    mostHeads,
    layerOf,
    headOf,
    received: (): boolean => about.kind === "attention" && get("direction") === "received",
    ...names(about, mostHeads),
    ...openQuery(frame, sides[0]),
  };
}

/** What layers, heads and tokens are called. */
function names({ kind, sides, heads, notes }: About, mostHeads: number) {
  const map = kind === "attention" || mostHeads > 1 ? "layer" : "map";
  const word = notes?.length ? "sentence" : map;
  /** With how many there are, where the names are numbers up to that. */
  const shortLayer = (side: number, layer: number): string => {
    const { layers } = sides[side];
    const counted = layers.length > 1 && layers.every(({ name }, index) => name === String(index + 1));
    return layers[layer].name + (counted ? ` of ${layers.length}` : "");
  };
  return {
    word,
    shortLayer,
    /** A name of its own says what it is. */
    layerName(side: number, layer: number) {
      const name = shortLayer(side, layer);
      return /^\d/.test(name) ? `${word} ${name}` : name;
    },
    headName: (head: number) => heads[head] ?? `head ${head + 1}`,
    shortHead: (head: number) => heads[head] ?? String(head + 1),
    /** One token before the patches is a class token nearly everywhere; several may be anything. */
    tokenName: (token: number) =>
      token === POOLING
        ? "pooling"
        : (sides[0].tokens?.[token] ?? (sides[0].prefix > 1 ? `prefix ${token}` : "CLS")),
    /** Queries that are no patches. */
    specials: (side: ModelMaps) => [...Array(side.prefix).keys(), ...(side.pooling ? [POOLING] : [])],
  };
}

/** Whose map is shown: the pinned query; else the patch under the pointer; else the query. */
function openQuery({ get, write, watch, requestDraw }: Frame, { prefix, layers: [reference] }: ModelMaps) {
  const toPlace = (token: number) => placeOf(token, reference.grid, prefix);
  const toToken = (at: Place) => tokenAt(at, reference, prefix);
  const home = toPlace(get("query"));
  let place: Place | null = home;
  let hover: Place | null = null;
  let locked = false;
  if (get("selected").length) place = toPlace(prefix + get("selected")[0]);
  const pinned = (): boolean => locked || get("selected").length > 0;
  const setHover = (next: Place | null) => {
    hover = next;
    write("hovered", next && next.token < 0 ? cellAt(next, reference.grid) : -1);
    requestDraw();
  };
  const setPlace = (next: Place | null, hold = true) => {
    place = next;
    locked = hold && !!next && next.token >= 0;
    write("selected", hold && next && next.token < 0 ? [cellAt(next, reference.grid)] : []);
    write("query", next ? toToken(next) : -1);
    requestDraw();
  };
  const togglePin = (next: Place) => {
    const same = pinned() && place && toToken(place) === toToken(next);
    setPlace(same ? home : next, !same);
  };
  watch("query", (value) => {
    place = toPlace(value);
    requestDraw();
  });
  watch("selected", (value) => {
    locked = false;
    if (value.length) place = toPlace(prefix + value[0]);
    requestDraw();
  });
  watch("hovered", (value) => {
    hover = value < 0 ? null : toPlace(prefix + value);
    requestDraw();
  });
  return {
    place: () => place,
    hover: () => hover,
    shown: () => (pinned() || !hover ? place : hover),
    pinned,
    setHover,
    setPlace,
    togglePin,
  };
}
