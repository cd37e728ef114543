import { clamp } from "../shared/numbers.ts";
import type { Context } from "./context.ts";
import type { Controls } from "./controls.ts";
import { cellAt, placeOf, special } from "./places.ts";

/** The keyboard. */
export function addKeys(context: Context, controls: Controls, zoom: (factor: number) => void): void {
  const { frame, about, depth, mostHeads, layerOf, shown, place, setPlace, togglePin, specials } = context;
  const { get } = frame;
  /** Moves the query by cells of the layer on view. */
  const move = (down: number, right: number) => () => {
    const { grid } = about.sides[0].layers[layerOf(0)];
    const from = shown();
    const at = from && from.token < 0 ? cellAt(from, grid) : 0;
    const row = clamp(0, Math.floor(at / grid[1]) + down, grid[0] - 1);
    const column = clamp(0, (at % grid[1]) + right, grid[1] - 1);
    setPlace(placeOf(row * grid[1] + column, grid, 0));
  };
  const step = (name: string, by: number, count: number, set: (value: number) => void) => () =>
    set(clamp(0, get(name) + by, count - 1));
  const nextSpecial = () => {
    const all = specials(about.sides[0]);
    if (all.length) setPlace(special(all[(all.indexOf(place()?.token ?? -1) + 1) % all.length]));
  };
  const pin = () => {
    const now = shown();
    if (now) togglePin(now);
  };
  const { modes, setLayer, setHead, setImage, setMode, setSmooth, setDirection } = controls;
  const turn = () => setDirection(get("direction") === "received" ? "given" : "received");
  const table: [string, string, () => void][] = [
    ["query up", "ArrowUp", move(-1, 0)],
    ["query down", "ArrowDown", move(1, 0)],
    ["query left", "ArrowLeft", move(0, -1)],
    ["query right", "ArrowRight", move(0, 1)],
    ["first patch", "Home", move(-1e9, -1e9)],
    ["last patch", "End", move(1e9, 1e9)],
    ["pin or release", "Enter", pin],
    ["CLS, registers, pooling", "c", nextSpecial],
    ["next layer", "PageDown / l", step("layer", 1, depth, setLayer)],
    ["layer before", "PageUp / L", step("layer", -1, depth, setLayer)],
    ["next head", "] / h", step("head", 1, mostHeads, setHead)],
    ["head before", "[ / H", step("head", -1, mostHeads, setHead)],
    ["next picture", ".", step("image_index", 1, about.count, setImage)],
    ["picture before", ",", step("image_index", -1, about.count, setImage)],
    ["one head, mean, …", "m", () => setMode(modes[(modes.indexOf(get("mode")) + 1) % modes.length])],
    ["smooth", "s", () => setSmooth(!get("smooth"))],
    ["larger", "+ / =", () => zoom(1.5)],
    ["smaller", "-", () => zoom(1 / 1.5)],
    ["whole picture", "0", () => zoom(0)],
  ];
  if (about.kind === "attention") table.push(["attention given or received", "r", turn]);
  frame.addKeys(...table.map(([name, keys, run]) => ({ name, keys, run })));
}
