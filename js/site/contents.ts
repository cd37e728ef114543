/** Marks the heading being read in the contents. */
export function followReading(): void {
  const links = new Map(
    [...document.querySelectorAll<HTMLAnchorElement>(".contents a")].map((link) => [
      decodeURIComponent(link.hash.slice(1)),
      link,
    ]),
  );
  const headings = [...document.querySelectorAll("main h2[id], main h3[id]")].filter(({ id }) =>
    links.has(id),
  );
  const side = document.getElementById("side");
  if (!side || !headings.length) return;
  let waiting = false;
  const mark = () => {
    waiting = false;
    const here = headingAt(headings);
    for (const [id, link] of links) {
      if (id === here?.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const link = here && links.get(here.id);
    if (link) scrollTo(side, link);
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(mark);
  };
  addEventListener("scroll", later, { passive: true });
  mark();
}

function headingAt(headings: Element[]): Element | undefined {
  // The last sections of a page never reach its top.
  const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 4;
  const last = headings[headings.length - 1];
  return atEnd ? last : headings.filter((one) => one.getBoundingClientRect().top < 140).pop();
}

function scrollTo(side: HTMLElement, link: HTMLElement): void {
  const row = link.getBoundingClientRect();
  const frame = side.getBoundingClientRect();
  if (row.top < frame.top || row.bottom > frame.bottom)
    side.scrollTop += row.top - frame.top - frame.height / 3;
}

/** On a narrow screen the contents open by a button. */
export function openMenu(): void {
  const button = document.querySelector(".menu");
  const side = document.getElementById("side");
  if (!button || !side) return;
  const set = (open: boolean) => {
    side.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(!side.classList.contains("open")));
  side.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("a")) set(false);
  });
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape") set(false);
  });
}
