// The module that travels to a notebook as an instrument's `_esm`: it gets the parts of the instrument, unpacks them and
// puts them together. Python writes the list of parts into it. A part either stands in the list, as text, or is kept by a
// model of code, to which all instruments of the notebook refer: a notebook then receives it once.
import type { Handler, Model, View } from "../shared/model.ts";

interface Part {
  /** Names these very bytes. */
  digest: string;
  /** How many bytes. */
  length: number;
  /** The bytes as 85 signs, five for four bytes: denser than base64. None of them needs an escape. */
  text?: string;
}

/** Where Python writes the list. */
declare const VIZKIT_PARTS: Part[];
const PARTS = VIZKIT_PARTS;

interface Unpacked {
  style: string;
  /** Name and code, each behind those that it imports. */
  modules: [name: string, code: string][];
}

interface Instrument {
  render(view: View): () => void;
}

/** A notebook's model, which also knows the others. */
type NotebookModel = Model & { widget_manager?: { get_model(id: string): Promise<Model> } };

const PATIENCE = 10_000; // milliseconds that a kernel has to answer

/** What the page has unpacked already: the next widget, or the same cell run again, shows its picture sooner. */
const known: Map<string, Promise<any>> = ((globalThis as any)[Symbol.for("vizkit parts")] ??= new Map());

function once<T>(name: string, make: () => Promise<T>): Promise<T> {
  let found = known.get(name);
  if (!found) {
    found = make();
    known.set(name, found);
    found.catch(() => known.delete(name));
  }
  return found;
}

function decode(text: string, length: number): ArrayBuffer {
  const words = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let at = 0, word = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    word = word * 85 + (sign > 119 ? [36, 38, 60, 62, 92, 96][sign - 120] : sign) - 35;
    if (at % 5 > 3) {
      words.setUint32(((at - 4) / 5) * 4, word);
      word = 0;
    }
  }
  return words.buffer.slice(0, length);
}

/** Asks the kernel for a part: for hosts that do not find one model from another. */
function request(place: number, model: Model): Promise<BufferSource> {
  return new Promise((resolve, reject) => {
    const received: Handler = (content, buffers) => {
      if (content?.response === "code" && buffers?.[place]) resolve(buffers[place]);
    };
    model.on("msg:custom", received);
    model.send?.({ request: "code" });
    setTimeout(() => {
      model.off?.("msg:custom", received);
      reject(new Error("vizkit: nobody has the code of this instrument"));
    }, PATIENCE);
  });
}

/** What the notebook's models of code hold under this digest. */
async function kept({ digest }: Part, model: NotebookModel): Promise<BufferSource | undefined> {
  for (const reference of model.get("_code")) {
    const code = await model.widget_manager?.get_model(reference.replace("IPY_MODEL_", ""));
    const bytes = code?.get("packed")[digest];
    if (bytes) return bytes;
  }
  return undefined;
}

async function bytesOf(part: Part, place: number, model: NotebookModel): Promise<BufferSource> {
  if (part.text) return decode(part.text, part.length);
  const found = await kept(part, model).catch(() => undefined);
  return found ?? request(place, model);
}

async function unpack(bytes: BufferSource): Promise<Unpacked> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const [style, ...rest] = (await new Response(stream).text()).split("\0");
  const modules: Unpacked["modules"] = [];
  for (let at = 0; at < rest.length; at += 2) modules.push([rest[at], rest[at + 1]]);
  return { style, modules };
}

/** Loads modules that import one another, the last of which is the instrument. */
async function link(modules: Unpacked["modules"], addressOf: (code: string) => string): Promise<Instrument> {
  const addresses = new Map<string, string>();
  let last = "";
  for (const [name, code] of modules) {
    last = addressOf(
      code.replace(/(?<=")\.\/(\w+)\.js(?=")/g, (path, other) => addresses.get(other) ?? path),
    );
    addresses.set(name, last);
  }
  return (await import(last)).default;
}

async function assemble(model: Model): Promise<{ instrument: Instrument; style: string }> {
  const parts = await Promise.all(
    PARTS.map((part, place) => once(part.digest, async () => unpack(await bytesOf(part, place, model)))),
  );
  const modules = parts.flatMap((part) => part.modules);
  const style = parts.map((part) => part.style).join("\n");
  const urls: string[] = [];
  try {
    const blobOf = (code: string) => {
      urls.push(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
      return urls[urls.length - 1];
    };
    return { instrument: await link(modules, blobOf), style };
  } catch {
    // Where a page's policy forbids addresses of blobs.
    const dataOf = (code: string) => `data:text/javascript;charset=utf-8,${encodeURIComponent(code)}`;
    return { instrument: await link(modules, dataOf), style };
  } finally {
    for (const url of urls) URL.revokeObjectURL(url);
  }
}

/** What ipywidgets' model of a layout has; other hosts give its name only. */
interface Layout {
  attributes?: Record<string, string | null>;
  on?(event: string, handler: Handler): void;
  off?(event: string, handler: Handler): void;
}

/** Heeds a layout that comes after the view was made, as an instrument's does: ipywidgets itself would not. */
function followLayout(el: HTMLElement, model: Model): () => void {
  let followed: Layout | undefined;
  const apply = () => {
    for (const [name, value] of Object.entries(followed?.attributes ?? {}))
      if (name[0] !== "_") el.style.setProperty(name.replaceAll("_", "-"), value);
  };
  const follow = (layout?: Layout) => {
    followed?.off?.("change", apply);
    followed = layout;
    followed?.on?.("change", apply);
    apply();
  };
  const arrived = () => follow(model.get("layout"));
  model.on("change:layout", arrived);
  return () => {
    followed?.off?.("change", apply);
    try {
      model.off?.("change:layout", arrived);
    } catch {
      // A host without a kernel may throw at anything.
    }
  };
}

const get = (model: Model) => once(PARTS.map((part) => part.digest).join(), () => assemble(model));

export default {
  /** Starts, and does not wait: anywidget drops all that Python says to a widget that takes more than two seconds. */
  initialize({ model }: { model: Model }): void {
    get(model).catch(() => {});
  },
  async render(view: View): Promise<() => void> {
    const { el, model } = view;
    const found = await get(model).catch((error) => console.error(error));
    if (!found) {
      el.textContent = "The code of this instrument is not here any more: run its cell again.";
      return () => {};
    }
    const sheet = document.createElement("style");
    sheet.textContent = found.style;
    el.append(sheet);
    const close = found.instrument.render(view);
    const leave = followLayout(el, model);
    return () => {
      close();
      leave();
      sheet.remove();
    };
  },
};
