// A notebook as slides: every section begins one, and goes on to the next where the screen ends.
(() => {
  "use strict";
  const flow = document.getElementById("main"), stage = document.getElementById("stage"), count = document.getElementById("count");
  const blocks = [...flow.children].filter((block) => !block.matches("script"));
  for (const fold of flow.querySelectorAll("details[open]")) fold.open = false; // a source is for reading at home
  /** @type {HTMLElement[]} */
  let slides = [];
  let current = 0;

  /** Room for the content of a slide: 16:9 inside the window, in pixels. */
  function measure() {
    const height = Math.min(innerHeight, (innerWidth * 9) / 16), width = (height * 16) / 9, unit = height / 720;
    document.documentElement.style.fontSize = `${22 * unit}px`;
    document.documentElement.style.setProperty("--unit", String(unit));
    document.documentElement.style.setProperty("--slide-width", `${width}px`);
    document.documentElement.style.setProperty("--slide-height", `${height}px`);
  }

  /** Blocks to slides, by their heights in the flow. */
  function pack() {
    stage.replaceChildren();
    flow.append(...blocks);
    for (const block of blocks) block.style.zoom = "";
    measure();
    const room = parseFloat(getComputedStyle(flow).getPropertyValue("--slide-height")) * 0.86;
    const places = new Map(blocks.map((block) => [block, block.getBoundingClientRect()]));
    /** @type {HTMLElement[][]} */
    const groups = [];
    let heading = null, from = 0, alone = false;
    for (const block of blocks) {
      const { top, bottom, height } = places.get(block);
      const begins = block.matches("h1, h2"), live = block.querySelector(".widget, .chart") !== null;
      if (begins) { heading = block; alone = false; }
      const onlyHeading = groups.length > 0 && groups.at(-1).length === 1 && groups.at(-1)[0].matches("h1, h2, .again");
      if (begins || bottom - from > room || ((live || alone) && !onlyHeading)) {
        if (!begins && onlyHeading) { groups.at(-1).push(block); alone = live; continue; }
        const again = begins || !heading || heading.matches("h1") ? [] : [repeated(heading)];
        groups.push([...again, block]);
        from = begins ? top : top - (again.length ? places.get(heading).height : 0);
        if (height > room) alone = true;
      } else groups.at(-1).push(block);
      alone = live;
    }
    slides = groups.map((group, index) => {
      const slide = document.createElement("section");
      slide.className = group[0].matches("h1") ? "slide title" : "slide";
      slide.setAttribute("aria-label", `slide ${index + 1} of ${groups.length}`);
      const body = document.createElement("div");
      body.append(...group);
      slide.append(body);
      return slide;
    });
    stage.append(...slides);
    for (const slide of slides) fit(slide);
  }

  /** @param {HTMLElement} heading */
  function repeated(heading) {
    const copy = document.createElement("p");
    copy.className = "again";
    copy.textContent = heading.textContent;
    return copy;
  }

  /** What is too tall for a slide, a long source or a big widget, becomes smaller as a whole. */
  function fit(slide) {
    const body = slide.firstElementChild, style = getComputedStyle(slide);
    const room = slide.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    body.style.zoom = "";
    for (let zoom = 1, turn = 0; turn < 6; turn++) {
      const height = body.getBoundingClientRect().height;
      if (height <= room) break;
      zoom *= Math.max(0.4, Math.min(0.97, room / height));
      body.style.zoom = String(zoom);
    }
  }

  function go(to) {
    current = Math.max(0, Math.min(slides.length - 1, to));
    slides.forEach((slide, index) => slide.toggleAttribute("data-current", index === current));
    count.textContent = `${current + 1} / ${slides.length}`;
    history.replaceState(null, "", `#${current + 1}`);
    fit(slides[current]); // charts and widgets have found their size by now
  }

  const STEPS = { PageDown: 1, PageUp: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, " ": 1, Enter: 1 };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const clicker = event.key === "PageDown" || event.key === "PageUp";
    // Arrows belong to the slider or widget that has the focus; a clicker's keys always turn the page.
    const busy = event.target instanceof Element && event.target.closest("input, select, button, summary, a, .vk, [role=application]");
    if (busy && !clicker) return;
    if (event.key in STEPS) go(current + STEPS[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(slides.length - 1);
    else if (event.key === "f") void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
    else return;
    event.preventDefault();
  }, { capture: true });
  document.getElementById("back").addEventListener("click", () => go(current - 1));
  document.getElementById("on").addEventListener("click", () => go(current + 1));

  function start() {
    pack();
    go(Number(location.hash.slice(1)) - 1 || 0);
    document.body.dataset.ready = "true";
  }
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => { pack(); go(current); }, 250); });
  measure();
  // Widgets are measured once they have drawn themselves.
  const ready = () => [...document.querySelectorAll(".vk")].every((widget) => widget.dataset.ready === "true");
  const began = performance.now();
  const wait = () => { if (ready() || performance.now() - began > 5000) start(); else setTimeout(wait, 50); };
  addEventListener("load", wait);
})();
