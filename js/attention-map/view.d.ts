import type { View } from "../shared/model.ts";

/** Being moved into modules of their own. */
export function render(view: View): () => void;
