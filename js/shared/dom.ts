/** Makes an element. Strings become text nodes: text from data or a user is never parsed as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  // JupyterLab takes arrows and letters for the notebook before the page sees them, unless the focused element itself says no.
  if (element.tabIndex >= 0) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

/** Writes a text where it is another one: the browser lays out again after every text that is set, even the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute where it has another value. */
export function mark(element: Element, name: string, value: string | boolean): void {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** Shows or hides an element. */
export function hide(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/** Sets what a control shows. */
export function choose(control: HTMLSelectElement | HTMLInputElement, value: string): void {
  if (control.value !== value) control.value = value;
}

/** The drawing context of a canvas; throws where a browser has none. `processor`: drawn by the processor, which is faster
 * where many small pictures of bytes are painted in every frame. */
export function contextOf(canvas: HTMLCanvasElement, processor = false): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: processor });
  if (!context) throw new Error("this browser gives no 2d context for a canvas");
  return context;
}
