import { make } from "../shared/dom.ts";
import { openFrame } from "../shared/frame.ts";
import type { View } from "../shared/model.ts";
import { openContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import { followLayout, makePlaces } from "./layout.ts";
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
  const context = openContext(frame, engine, view.model);
  const places = makePlaces(frame);
  const tour = openTour(context, places.top);
  openControls(context, tour.start);
  const stage = openStage(context, places.main, tour.turn);
  openLegend(context, places.main, stage.map);
  const tools = openTools(context, places.main);
  const captions = openCaptions(context, places.aside);
  const heads = openHeads(context, places.aside);
  const last = make("div", { class: "vk-last-panels" });
  places.aside.append(last);
  const norms = openNorms(context, last);
  const input = openInput(context, last);
  context.onWords(() => frame.say(describe(context, stage.map())));
  const layout = followLayout(frame, { places, canvas: stage.canvas, tools, captions, heads, norms, input });
  layout();
  frame.draw();
  const warmUp = () => {
    if (context.answers.warmUp()) frame.requestDraw();
    else frame.later(warmUp, 20);
  };
  frame.later(warmUp, 200);
  return frame.close;
}
