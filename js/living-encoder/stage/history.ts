/** What was, and what was undone. A gesture, or a run of the same key, is one step. */
export interface History<T> {
  /** Keeps a state before it changes; the same `name`, if it has one, within a second is the same step. */
  keep(state: T, name: string, time?: number): void;
  undo(now: T): T | null;
  redo(now: T): T | null;
  canUndo(): boolean;
  canRedo(): boolean;
}

const MOST = 100;
const SAME_STEP = 1000;

export function openHistory<T>(): History<T> {
  const past: T[] = [];
  const future: T[] = [];
  let lastName = "";
  let lastTime = Number.NEGATIVE_INFINITY;
  const step = (from: T[], to: T[], now: T) => {
    const found = from.pop();
    lastName = "";
    if (found === undefined) return null;
    to.push(now);
    return found;
  };
  return {
    keep(state, name, time = performance.now()) {
      const same = name !== "" && name === lastName && time - lastTime < SAME_STEP;
      lastName = name;
      lastTime = time;
      if (same) return;
      past.push(state);
      if (past.length > MOST) past.shift();
      future.length = 0;
    },
    undo: (now) => step(past, future, now),
    redo: (now) => step(future, past, now),
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
  };
}
