import type { View } from "../shared/model.ts";
import { openEngine } from "./model/index.ts";
import { mount } from "./mount.ts";

/** The living encoder: a picture to touch, and a vision transformer that answers at once. */
function render(view: View): () => void {
  return mount(view, () => openEngine(view.model));
}

export default { render };
