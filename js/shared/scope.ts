/** What a view has taken and must give back: listeners, observers, timers, addresses. */
export interface Scope {
  onClose(step: () => void): void;
  listen<E extends Event = Event>(
    target: EventTarget,
    type: string,
    handler: (event: E) => void,
    options?: AddEventListenerOptions,
  ): void;
  /** Watches an element's size. */
  onResize(element: Element, handler: () => void): void;
  /** Calls back whenever an element comes into view again. */
  onReturn(element: Element, handler: () => void): void;
  /** Calls back once, unless the view is closed before. Returns what cancels it. */
  later(step: () => void, milliseconds: number): () => void;
  close(): void;
}

export function openScope(): Scope {
  const steps: (() => void)[] = [];
  const timers = new Set<number>();
  const onClose = (step: () => void) => {
    steps.push(step);
  };
  return {
    onClose,
    listen(target, type, handler, options) {
      const listener = handler as unknown as EventListener;
      target.addEventListener(type, listener, options);
      onClose(() => target.removeEventListener(type, listener, options));
    },
    onResize(element, handler) {
      const observer = new ResizeObserver(handler);
      observer.observe(element);
      onClose(() => observer.disconnect());
    },
    onReturn(element, handler) {
      let away = false;
      const observer = new IntersectionObserver((entries) => {
        const seen = entries[entries.length - 1].isIntersecting;
        if (seen && away) handler();
        away = !seen;
      });
      observer.observe(element);
      onClose(() => observer.disconnect());
    },
    later(step, milliseconds) {
      const timer = window.setTimeout(() => {
        timers.delete(timer);
        step();
      }, milliseconds);
      timers.add(timer);
      return () => {
        timers.delete(timer);
        clearTimeout(timer);
      };
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      for (const step of steps.splice(0).reverse()) step();
    },
  };
}
