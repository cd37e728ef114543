/** The code behind a slide, which a key brings: a panel over it. */
export function openCode(panel: HTMLElement, button: HTMLButtonElement) {
  let source: HTMLTemplateElement | null = null;
  const close = () => {
    panel.hidden = true;
    panel.replaceChildren();
  };
  const toggle = () => {
    if (!panel.hidden || !source) return close();
    panel.append(source.content.cloneNode(true));
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus();
  };
  button.addEventListener("click", toggle);
  return {
    toggle,
    close,
    isOpen: () => !panel.hidden,
    /** Another slide is on view. */
    of(slide: Element | undefined): void {
      close();
      source = slide?.querySelector<HTMLTemplateElement>(":scope > template.source") ?? null;
      button.hidden = !source;
    },
  };
}
