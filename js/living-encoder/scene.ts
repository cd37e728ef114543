/** A picture of the drawn world, as the table of `vizkit.data.scenes` describes it. Lengths are shares of the picture's
 * side; x points right, y down. */
export interface Scene {
  /** Index into the backgrounds of constants.json. */
  background: number;
  /** From back to front. */
  objects: Thing[];
}

/** An object: indices into the shapes, colours and styles of constants.json, and where it stands. */
export interface Thing {
  shape: number;
  color: number;
  style: number;
  x: number;
  y: number;
  radius: number;
  /** Radians, clockwise. */
  rotation: number;
}

/** The traits that the instrument reads beside those of all (`title`, `theme`, `hovered`, `selected`):
 * - `about`: facts of the encoder that are small, as plain values: its name, its words.
 * - `captions`: list of texts; written back when a person types.
 * - `scene`: a `Scene`; written back when a person edits.
 * What the forward pass needs is the affair of `engine.ts`. */
export interface Traits {
  captions: string[];
  scene: Scene;
}
