import { drawnWorld } from "../../../vizkit/constants.json";

/** Red, green, blue from 0 to 1. */
export type Ink = readonly [number, number, number];

export const { shapes: SHAPES, styles: STYLES } = drawnWorld;
export const COLORS = Object.keys(drawnWorld.colors);
export const BACKGROUNDS = Object.keys(drawnWorld.backgrounds);

const share = (color: number[]): Ink => [color[0] / 255, color[1] / 255, color[2] / 255];
const GROUNDS = Object.values(drawnWorld.backgrounds).map(share);

export const groundOf = (background: number): Ink => GROUNDS[background];

export function isDark(background: number): boolean {
  const [red, green, blue] = GROUNDS[background];
  return (red + green + blue) / 3 < 0.35;
}

/** The colour that an object of a colour has on a background: one that is too faint there is drawn stronger. */
export function inkOf(color: number, background: number): Ink {
  const name = COLORS[color];
  const special: Record<string, number[]> = isDark(background) ? drawnWorld.onDark : drawnWorld.onLight;
  return share(special[name] ?? (drawnWorld.colors as Record<string, number[]>)[name]);
}

/** An ink as CSS writes it. */
export const css = ([red, green, blue]: Ink): string =>
  `rgb(${Math.round(red * 255)} ${Math.round(green * 255)} ${Math.round(blue * 255)})`;
