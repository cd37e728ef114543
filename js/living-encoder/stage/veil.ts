import { wordOf } from "../../shared/paint.ts";

/** The colours over the picture, as pixels of 32 bits: what is strong stands in a warm light, the rest in the dark, so that
 * the picture keeps its own colours where one is to look. */

const DARK = [12, 10, 28, 0.72];
const LIGHT = [255, 206, 84, 0.3];

/** From the weakest (0) to the strongest (1). */
export function veil(share: number): number {
  const [red, green, blue, opacity] = DARK.map((dark, k) => dark + (LIGHT[k] - dark) * share);
  return word(red, green, blue, opacity);
}

/** From −1 over nothing at all to 1. */
export function signedVeil(share: number): number {
  const opacity = Math.min(1, Math.abs(share)) ** 0.7;
  return (wordOf(true, share) & 0xffffff) | (Math.round(255 * opacity) << 24);
}

function word(red: number, green: number, blue: number, opacity: number): number {
  return (
    (Math.round(255 * opacity) << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)
  );
}
