import type { PackedAtlas } from "../shared/atlas.ts";
import { type Packed, unpack } from "../shared/codec.ts";
import type { Model } from "../shared/model.ts";

/** A projection at all steps: 16 bits a coordinate, x and y by turns. */
export interface PlaneMap {
  points: Uint16Array;
  /** Coordinates of the corner, and the length that 65,535 units stand for. */
  low: [number, number];
  span: number;
  /** Share of the unit square that is used, across and up. */
  extent: [number, number];
  /** Share of the variance in view, by step. */
  explained_variance_ratio: number[] | null;
  /** Share of nearest neighbours that are nearest here, too, by step. */
  neighborhood_preservation: number[] | null;
}

type SentMap = Omit<PlaneMap, "points"> & { points: Packed };

/** What Python sent and never changes, read once for each model. */
export interface SpaceData {
  count: number;
  dims: number;
  /** Two dimensions, shown as they are. */
  flat: boolean;
  stepNames: string[];
  classes: string[];
  colors: string[] | null;
  /** Class of each point. */
  codes: Uint8Array | Uint16Array;
  /** 1 for a text, else 0. */
  texts: Uint8Array;
  hasTexts: boolean;
  /** The classes are "image" and "text" themselves. */
  byModality: boolean;
  /** Distance of the mean image from the mean text, by step. */
  gaps: number[] | null;
  pairs: Uint32Array | null;
  /** The other points of a point's pairs. */
  partners: Map<number, number[]>;
  captions: string[] | null;
  /** Neighbours lie in other classes. */
  across: boolean;
  atlas: PackedAtlas | null;
  /** Tile of the atlas of each point that has a picture. */
  tiles: Map<number, number>;
  offers: string[];
  /** A kernel, or a page that was saved with all neighbours, can respond. */
  live: boolean;
  /** All neighbours at once can be requested. */
  quick: boolean;
  maps: Map<string, PlaneMap>;
}

const KNOWN = new WeakMap<Model, SpaceData>();

export function dataOf(model: Model): SpaceData {
  let data = KNOWN.get(model);
  if (!data) {
    data = read(model.get("data"));
    KNOWN.set(model, data);
  }
  readMaps(data, model.get("maps"));
  return data;
}

/** Adds the projections that have come since. */
export function readMaps({ maps }: SpaceData, sent: Record<string, SentMap>): void {
  for (const [name, map] of Object.entries(sent)) {
    const points = unpack<Uint16Array>(map.points)?.data;
    if (!maps.has(name) && points) maps.set(name, { ...map, points });
  }
}

interface Sent extends Record<string, unknown> {
  count: number;
  dims: number;
  steps: string[];
  classes: string[];
  colors: string[] | null;
  codes: PackedCodes | null;
  modality: Packed | null;
  gaps: number[] | null;
  pairs: Packed | null;
  captions: string[] | null;
  across?: boolean;
  atlas: PackedAtlas | null;
  tiles?: Packed;
  offers: string[];
  live: boolean;
  quick: boolean;
}

function read(sent: Sent): SpaceData {
  const { count, classes, dims } = sent;
  const codes = openCodes(sent.codes, count);
  const texts = openBits(sent.modality, count);
  const pairs = unpack<Uint32Array>(sent.pairs)?.data ?? null;
  const tiles = unpack<Uint32Array>(sent.tiles)?.data ?? [];
  return {
    count,
    dims,
    flat: dims === 2,
    stepNames: sent.steps,
    classes,
    colors: sent.colors,
    codes,
    texts,
    hasTexts: !!sent.modality,
    byModality: classes.length === 2 && !!sent.modality && codes.every((code, i) => code === texts[i]),
    gaps: sent.gaps,
    pairs,
    partners: partnersOf(pairs),
    captions: sent.captions,
    across: !!sent.across,
    atlas: sent.atlas,
    tiles: new Map([...tiles].map((point, tile) => [point, tile])),
    offers: sent.offers,
    live: sent.live,
    quick: sent.quick,
    maps: new Map(),
  };
}

function partnersOf(pairs: Uint32Array | null): Map<number, number[]> {
  const partners = new Map<number, number[]>();
  pairs?.forEach((point, i) => {
    partners.set(point, [...(partners.get(point) ?? []), pairs[i ^ 1]]);
  });
  return partners;
}

type PackedCodes = Packed & { bits: number };

/** Classes of the points; up to 16 classes travel as two points in a byte. */
export function openCodes(packed: PackedCodes | null, count: number): Uint8Array | Uint16Array {
  const found = unpack<Uint8Array | Uint16Array>(packed);
  if (!packed || !found) return new Uint8Array(count);
  if (packed.bits !== 4) return found.data;
  const codes = new Uint8Array(count); // a loop: `from` takes a hundred times as long for a million points
  for (let i = 0; i < count; i++) {
    const byte = found.data[i >> 1];
    codes[i] = i & 1 ? byte >> 4 : byte & 15;
  }
  return codes;
}

/** One bit a point, lowest bit first, as 0 and 1. */
export function openBits(packed: Packed | null, count: number): Uint8Array {
  const found = unpack<Uint8Array>(packed);
  const bits = new Uint8Array(count);
  if (found) for (let i = 0; i < count; i++) bits[i] = (found.data[i >> 3] >> (i & 7)) & 1;
  return bits;
}
