import { categoryColors, colorStops } from "../../vizkit/constants.json";

/** Colours of the classes, in order; they repeat after the end. */
export const CATEGORY_COLORS: readonly string[] = categoryColors;

export type ColorMap = keyof typeof colorStops;

/** The three channels of "#rrggbb", 0 to 255. */
export function rgb(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const COLOR_TABLES = new Map<string, Uint32Array>();

/** 256 opaque pixels of a colour map, ready to be written to ImageData as 32-bit words (little endian). */
export function colorTable(name: ColorMap): Uint32Array {
  const known = COLOR_TABLES.get(name);
  if (known) return known;
  const stops = colorStops[name].map(rgb);
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(at));
    const part = at - k;
    const [r, g, b] = stops[k].map((low, channel) => Math.round(low + (stops[k + 1][channel] - low) * part));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  COLOR_TABLES.set(name, table);
  return table;
}
