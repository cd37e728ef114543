import { type Bytes, inflate } from "../shared/codec.ts";
import type { Frame } from "../shared/frame.ts";
import { type About, type QuantizedMaps, readQuantizedMaps } from "./data.ts";
import { meanDistance } from "./numbers.ts";
import { ROLLOUT, type Selection } from "./selection.ts";

/** Blocks of one model by "side/picture/layer". All its views share them: what one has fetched, none fetches again. */
interface Shared {
  blocks: Map<string, QuantizedMaps>;
  arriving: Set<string>;
  requested: string;
  views: Set<() => void>;
}

const SHARED = new WeakMap<About, Shared>();

function sharedOf(about: About): Shared {
  const known = SHARED.get(about);
  if (known) return known;
  const made = {
    blocks: new Map(),
    arriving: new Set<string>(),
    requested: "",
    views: new Set<() => void>(),
  };
  SHARED.set(about, made);
  return made;
}

export type Arrivals = ReturnType<typeof openArrivals>;
type Index = number | "pooling";

/** What has arrived. The layer on view comes with the page; the others are asked for one at a time, after the first
 * paint. */
export function openArrivals(frame: Frame, about: About, { layerOf }: Selection) {
  const { get, request, requestDraw } = frame;
  const { sides } = about;
  const shared = sharedOf(about);
  const { blocks, arriving, views } = shared;
  const keyOf = (side: number, layer: Index) => `${side}/${get("image_index")}/${layer}`;
  let mine = "";
  let late = false;
  let painted = false;
  let cancel = () => {};

  const wanted = () => [
    ...sides.map((_, side) => keyOf(side, layerOf(side))),
    ...sides.flatMap(({ pooling }, side) => (pooling ? [keyOf(side, "pooling")] : [])),
    ...sides.flatMap(({ layers }, side) =>
      [...layers.keys()]
        .filter((layer) => about.all || (get("mode") === ROLLOUT && layer <= layerOf(side)))
        .map((layer) => keyOf(side, layer)),
    ),
  ];
  const fetchNext = () => {
    const missing = wanted().filter((key) => !blocks.has(key) && !arriving.has(key));
    const here = missing.filter((key) => get("blocks")[key]);
    for (const key of here) void receive(key, get("blocks")[key]);
    if (here.length || !missing.length || shared.requested || (arriving.size && !painted)) return;
    mine = shared.requested = missing[0];
    cancel = frame.later(() => {
      late = true;
      requestDraw();
    }, 3000);
    request(mine);
  };
  const receive = async (key: string, packed: Bytes) => {
    if (blocks.has(key) || arriving.has(key)) return;
    arriving.add(key);
    blocks.set(key, read(about, key, await inflate(packed)));
    arriving.delete(key);
    // Other pictures' layers would pile up.
    for (const old of blocks.keys()) if (old.split("/")[1] !== String(get("image_index"))) blocks.delete(old);
    if (key === shared.requested) shared.requested = "";
    for (const tell of views) tell();
  };
  const tell = () => {
    if (mine && mine !== shared.requested) {
      cancel();
      mine = "";
      late = false;
    }
    if (painted) fetchNext();
    requestDraw();
  };
  views.add(tell);
  frame.onResponse(({ response }, buffers) => void receive(response, buffers[0]));
  frame.onClose(() => {
    views.delete(tell);
    // The answer would find nobody: another view asks again.
    if (mine && mine === shared.requested) shared.requested = "";
  });
  return {
    keyOf,
    blockOf: (side: number, layer: Index = layerOf(side)) => blocks.get(keyOf(side, layer)),
    arrived: () => blocks.size,
    fetchNext,
    lateness: () => (late ? " (the kernel is busy or gone)" : ""),
    /** The first picture shall be on the screen before the other layers take the processor. */
    firstPaint() {
      if (painted) return;
      painted = true;
      frame.ready();
      frame.later(fetchNext, 100);
    },
  };
}

function read({ kind, sides }: About, key: string, bytes: ArrayBuffer): QuantizedMaps {
  const [one, , index] = key.split("/");
  const side = sides[Number(one)];
  const layer = side.layers[Number(index)];
  if (!layer) return readQuantizedMaps(bytes, side.pooling!, side.prefix, side.signed, 1);
  const block = readQuantizedMaps(bytes, layer, side.prefix, side.signed);
  if (kind === "attention")
    block.reach = Array.from({ length: layer.heads }, (_, head) => meanDistance(block, head, layer.grid));
  return block;
}
