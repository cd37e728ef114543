import type { Frame } from "../shared/frame.ts";
import { openWriter } from "../shared/paint.ts";
import { type Arrivals, openArrivals } from "./arrivals.ts";
import type { About } from "./data.ts";
import { openRows, type Rows } from "./rows.ts";
import { openSelection, type Selection } from "./selection.ts";

/** All that the views and controls of one instrument work with. */
export interface Context extends Selection, Arrivals, Rows, ReturnType<typeof openWriter> {
  frame: Frame;
  about: About;
  photos: HTMLImageElement[];
}

export function openContext(frame: Frame): Context {
  const about: About = frame.get("about");
  const photos = about.images.map(({ url }) =>
    Object.assign(new Image(), { onload: frame.requestDraw, src: url }),
  );
  const selection = openSelection(frame, about);
  const arrivals = openArrivals(frame, about, selection);
  const rows = openRows(frame, about, selection, arrivals);
  return { frame, about, photos, ...selection, ...arrivals, ...rows, ...openWriter(frame) };
}
