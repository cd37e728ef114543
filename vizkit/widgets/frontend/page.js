// @ts-check
// The host of an exported page: gives each widget the part of the widget model that it uses, joins
// linked traits, and mounts it. Widgets' code stands before this in scripts of their own.

/** @typedef {{ kind: string, state: Record<string, any>, buffers: { path: string[], data: string }[] }} SavedWidget */

/** @param {string} text base64 @returns {DataView} */
function bytesOf(text) {
  const quick = /** @type {any} */ (Uint8Array).fromBase64; // ten times as fast where it exists
  if (quick) return new DataView(quick.call(Uint8Array, text).buffer);
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new DataView(bytes.buffer);
}

/** @param {SavedWidget} saved @param {number} index */
function modelOf({ state, buffers }, index) {
  for (const { path, data } of buffers) {
    const inner = path.slice(0, -1).reduce((place, key) => place[key], state);
    inner[path[path.length - 1]] = bytesOf(data);
  }
  /** @type {Map<string, Set<(...rest: any[]) => void>>} */
  const handlers = new Map();
  /** @param {string} event @param {any[]} rest */
  const fire = (event, ...rest) => { for (const handler of [...(handlers.get(event) ?? [])]) handler(...rest); };
  const model = {
    /** @param {string} name */
    get: (name) => state[name],
    /** @param {string} name @param {any} value */
    set(name, value) {
      if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
      state[name] = value;
      fire(`change:${name}`, model, value);
      fire("change", model);
    },
    save_changes() {},
    /** Answers for the kernel from what stands below on the page, once all of it has been read. @param {{ ask: string }} wish */
    send({ ask }) {
      const answer = () => {
        const found = document.getElementById(`vizkit-${index}-${ask}`);
        if (found) fire("msg:custom", { block: ask }, [bytesOf(found.textContent ?? "")]);
      };
      if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", answer);
      else setTimeout(answer);
    },
    /** @param {string} event @param {(...rest: any[]) => void} handler */
    on(event, handler) { handlers.set(event, (handlers.get(event) ?? new Set()).add(handler)); },
    /** @param {string} event @param {(...rest: any[]) => void} handler */
    off(event, handler) { handlers.get(event)?.delete(handler); },
  };
  return model;
}

const saved = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("vizkit-state")).textContent ?? "");
const models = saved.widgets.map(modelOf);
for (const { source, target, both } of saved.links) {
  /** @param {[number, string]} from @param {[number, string]} to */
  const join = ([a, from], [b, to]) => models[a].on(`change:${from}`, () => models[b].set(to, models[a].get(from)));
  join(source, target);
  if (both) join(target, source);
}
saved.widgets.forEach((/** @type {SavedWidget} */ widget, /** @type {number} */ index) => {
  const el = /** @type {HTMLElement} */ (document.getElementById(`vizkit-${index}`));
  try {
    /** @type {any} */ (window).vizkit[widget.kind].render({ model: models[index], el });
  } catch (error) {
    el.textContent = `This widget could not start: ${error}`;
    throw error;
  }
});
