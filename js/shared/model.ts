/** What a widget's host gives: the part of the anywidget front-end model (AFM) that the instruments use.
 * A minimal host has `get` and `on` only; `hostOf` makes up for the rest. */
export interface Model {
  get(name: string): any;
  on(event: string, handler: Handler): void;
  set?(name: string, value: unknown): void;
  save_changes?(): void;
  off?(event: string, handler: Handler): void;
  send?(content: unknown): void;
}

export type Handler = (...rest: any[]) => void;

/** What `render` receives. */
export interface View {
  model: Model;
  el: HTMLElement;
}

/** A model with nothing missing: what a host lacks, or throws at, does nothing. */
export interface Host {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save(): void;
  /** Adds a handler; returns what removes it. */
  on(event: string, handler: Handler): () => void;
  /** Returns whether the host took the message. */
  send(content: unknown): boolean;
}

/** Runs `step`; whether it came through. A host without a kernel may throw at anything. */
function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}

/** Wraps a host's model. Traits that a host cannot set are kept here, so that the view stays alive. */
export function hostOf(model: Model): Host {
  const own = new Map<string, unknown>();
  return {
    get: (name) => (own.has(name) ? own.get(name) : model.get(name)),
    set(name, value) {
      if (model.set && attempt(() => model.set?.(name, value))) own.delete(name);
      else own.set(name, value);
    },
    save() {
      attempt(() => model.save_changes?.());
    },
    on(event, handler) {
      let active = true;
      // A host without `off` goes on calling: the handler then no longer answers.
      const guarded: Handler = (...rest) => {
        if (active) handler(...rest);
      };
      model.on(event, guarded);
      return () => {
        active = false;
        attempt(() => model.off?.(event, guarded));
      };
    },
    send: (content) => !!model.send && attempt(() => model.send?.(content)),
  };
}
