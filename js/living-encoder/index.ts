import { make } from "../shared/dom.ts";
import { openFrame } from "../shared/frame.ts";
import type { View } from "../shared/model.ts";
import { openContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import { followLayout, makePlaces } from "./layout.ts";
import { openEngine } from "./model/index.ts";
import { openCaptions } from "./panels/captions.ts";
import { openControls } from "./panels/controls.ts";
import { openHeads } from "./panels/heads.ts";
import { openInput } from "./panels/input.ts";
import { openLegend } from "./panels/legend.ts";
import { openNorms } from "./panels/norms.ts";
import { openTools } from "./panels/tools.ts";
import { openStage } from "./stage/stage-view.ts";
import { describe } from "./status.ts";
import { openTour } from "./tour/tour.ts";

const HELP = "Keys (?): arrows move the object, n chooses the next, t begins the tour";

/** The living encoder: a picture to touch, and a vision transformer that answers at once. */
function render(view: View): () => void {
  return mount(view, () => openEngine(view.model));
}

/** Shows the instrument with an encoder; where that cannot be opened, the reason. */
export function mount(view: View, open: () => Engine): () => void {
  const frame = openFrame(view, { kind: "LivingEncoder", help: HELP });
  let engine: Engine;
  try {
    engine = open();
  } catch (error) {
    frame.stage.append(
      make("p", { role: "alert" }, `This encoder cannot run here: ${(error as Error).message}`),
    );
    return frame.close;
  }
  const context = openContext(frame, engine);
  const places = makePlaces(frame);
  const tour = openTour(context, places.top);
  openControls(context, tour.start);
  const stage = openStage(context, places.main, tour.turn);
  openLegend(context, places.main, stage.map);
  openTools(context, places.main);
  const input = openInput(context, places.main);
  const captions = openCaptions(context, places.aside);
  const heads = openHeads(context, places.aside);
  const norms = openNorms(context, places.aside);
  context.onUpdate(() => frame.say(describe(context, stage.map())));
  const layout = followLayout(frame, { places, canvas: stage.canvas, captions, heads, norms, input });
  layout();
  frame.draw();
  return frame.close;
}

export default { render };
