import type { Model } from "../../shared/model.ts";
import type { Engine } from "../engine.ts";

/** The encoder that Python sent in the trait `encoder`; one for all views of a widget. Throws where it is missing. */
export function openEngine(model: Pick<Model, "get">): Engine {
  throw new Error(`no encoder yet in ${Object.keys(model)}`);
}
