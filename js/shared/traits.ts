import type { Host } from "./model.ts";
import type { Scope } from "./scope.ts";

/** At most twenty times a second: a drag must not flood the kernel. */
const SAVE_EVERY = 50;

export interface Traits {
  get(name: string): any;
  /** Sets a trait now and tells Python soon. */
  write(name: string, value: unknown): void;
  /** Calls back when Python, or a linked widget, changes a trait; not for an echo of what was written here. */
  watch(name: string, handler: (value: any) => void): void;
}

export function openTraits(host: Host, scope: Scope): Traits {
  const written = new Map<string, string>();
  const unsaved = new Map<string, unknown>();
  const saved = new Map<string, string>();
  let timer = 0;
  let lastSave = Number.NEGATIVE_INFINITY;
  const save = () => {
    lastSave = performance.now();
    timer = 0;
    for (const [name, value] of unsaved) saved.set(name, JSON.stringify(value));
    unsaved.clear();
    host.save();
  };
  scope.onClose(() => {
    if (!timer) return;
    clearTimeout(timer);
    save(); // what a person did last must not be lost with the view
  });
  return {
    get: (name) => host.get(name),
    write(name, value) {
      const text = JSON.stringify(value);
      if (JSON.stringify(host.get(name)) === text) return;
      written.set(name, text);
      unsaved.set(name, value);
      host.set(name, value);
      timer ||= window.setTimeout(save, Math.max(0, SAVE_EVERY - (performance.now() - lastSave)));
    },
    watch(name, handler) {
      const changed = () => {
        const value = host.get(name);
        // Bulk data is never written here, and too large to compare.
        if (typeof value !== "object" || Array.isArray(value)) {
          const text = JSON.stringify(value);
          if (written.get(name) === text) return;
          // The kernel's echo of what was saved last, while something newer waits: letters typed since would be lost.
          if (unsaved.has(name) && saved.get(name) === text) return host.set(name, unsaved.get(name));
          written.delete(name);
        }
        handler(value);
      };
      scope.onClose(host.on(`change:${name}`, changed));
    },
  };
}
