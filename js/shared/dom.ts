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

/** The drawing context of a canvas; throws where a browser has none. `processor`: drawn by the processor, which is faster
 * where many small pictures of bytes are painted in every frame. */
export function contextOf(canvas: HTMLCanvasElement, processor = false): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: processor });
  if (!context) throw new Error("this browser gives no 2d context for a canvas");
  return context;
}
