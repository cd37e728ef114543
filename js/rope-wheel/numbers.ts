/** The wheel's numbers and words; Python's `rope_wheel.py` has the same. */

/** Patches in the row: 0 to 15. */
export const LAST = 15;

export interface WheelState {
  query: number;
  key: number;
  /** Radians per patch. */
  frequency: number;
  /** Angles of query and key at place 0. */
  start: [number, number];
}

/** The angles of both arrows and their dot product; both arrows have length 1. */
export function turned({ query, key, frequency, start }: WheelState): { angles: number[]; product: number } {
  const angles = [start[0] + query * frequency, start[1] + key * frequency];
  return { angles, product: Math.cos(angles[0] - angles[1]) };
}

/** A number with a true minus. */
export const signed = (value: number | string) => String(value).replace("-", "\u2212");

/** What the picture shows, in words: for screen readers, and under the picture. */
export function describe(state: WheelState): string {
  const { angles, product } = turned(state);
  const degrees = (angle: number) => `${Math.round((angle * 180) / Math.PI)}\u00b0`;
  const arrow = (name: "query" | "key", angle: number) =>
    `${name} at place ${state[name]}, turned to ${degrees(angle)}`;
  const offset = `offset ${signed(state.query - state.key)}: query \u00b7 key = ${signed(product.toFixed(3))}`;
  return `${arrow("query", angles[0])}; ${arrow("key", angles[1])}; ${offset}`;
}
