import type { Frame } from "../shared/frame.ts";
import type { Answers } from "./answers.ts";
import type { Engine } from "./engine.ts";
import type { Picture } from "./scene.ts";
import { ablationOf, type Off, type State } from "./store.ts";

/** How a caption's score falls when a patch is covered with the picture's mean colour: for each patch one forward
 * pass, so it begins when the picture has come to rest, and goes on a few patches a frame. */
export interface Covering {
  /** (N, M): by how much each cosine falls; not a number where it is not known yet. */
  falls(): Float32Array;
  /** Share that is known. */
  done(): number;
}

const REST = 150;
const BUDGET = 12;

export function openCovering(
  frame: Frame,
  engine: Engine,
  answers: Answers,
  state: Readonly<State>,
): Covering {
  const { facts } = engine;
  const patches = facts.grid[0] * facts.grid[1];
  let of: { picture: Picture; off: Off; captions: unknown } | null = null;
  let falls = new Float32Array(0);
  let known = 0;
  let begun = 0;
  let waiting = false;
  const begin = () => {
    const captions = answers.main();
    of = { picture: state.picture, off: state.off, captions };
    falls = new Float32Array(patches * captions.names.length).fill(Number.NaN);
    known = 0;
    begun = performance.now();
  };
  const wait = (milliseconds: number) => {
    if (waiting) return;
    waiting = true;
    frame.later(() => {
      waiting = false;
      frame.requestDraw();
    }, milliseconds);
  };
  const goOn = () => {
    const pixels = answers.pixels();
    const ablation = ablationOf(state.off, facts);
    const readings = answers.main();
    const { cosine } = answers.comparison();
    const end = performance.now() + BUDGET;
    while (known < patches && performance.now() < end) {
      const { feature } = engine.image(covered(pixels, known, facts.imageSize, facts.grid), ablation);
      const without = answers.compare(feature, readings).cosine;
      for (let m = 0; m < without.length; m++) falls[known * without.length + m] = cosine[m] - without[m];
      known++;
    }
  };
  return {
    falls() {
      const same = of?.picture === state.picture && of.off === state.off && of.captions === answers.main();
      if (!same) begin();
      const rest = REST - (performance.now() - begun);
      if (rest > 0 && !known) wait(rest);
      else if (known < patches) {
        goOn();
        if (known < patches) frame.requestDraw();
      }
      return falls;
    },
    done: () => known / patches,
  };
}

/** The picture with one patch in the mean colour of all. */
function covered(
  pixels: Float32Array,
  patch: number,
  size: number,
  [rows, columns]: [number, number],
): Float32Array {
  const copy = pixels.slice();
  const plane = size * size;
  const [high, wide] = [size / rows, size / columns];
  const [top, left] = [Math.floor(patch / columns) * high, (patch % columns) * wide];
  for (let channel = 0; channel < 3; channel++) {
    const own = copy.subarray(channel * plane, (channel + 1) * plane);
    const mean = own.reduce((sum, value) => sum + value, 0) / plane;
    for (let row = top; row < top + high; row++) own.fill(mean, row * size + left, row * size + left + wide);
  }
  return copy;
}
