// What a page of the course site does by itself: theme, contents, charts, print. Runs first in the
// body, before anything is painted, so that a dark page is dark from its first frame on.
(() => {
  "use strict";
  const KEY = "vizkit-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const isDark = () => (chosen() ? chosen() === "dark" : system.matches);

  let printing = false;

  /** @param {boolean} dark */
  function show(dark) {
    dark &&= !printing; // paper is white
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.body.dataset.jpThemeLight = String(!dark); // the name that the widgets listen to
  }

  function toggle() {
    const dark = !isDark();
    try {
      if (dark === system.matches) localStorage.removeItem(KEY); // follow the system again
      else localStorage.setItem(KEY, dark ? "dark" : "light");
    } catch { /* a browser that keeps nothing: the theme lasts as long as the page */ }
    show(dark);
  }

  show(isDark());
  system.addEventListener("change", () => show(isDark()));
  // Another page of the course changed it, in another tab.
  addEventListener("storage", (event) => { if (event.key === KEY) show(isDark()); });

  /** On a slide a chart is as high as its place, and its type as large as the prose. */
  function enlarge(place, data, layout) {
    const unit = Number(getComputedStyle(place).getPropertyValue("--unit"));
    const grow = (part) => {
      for (const [key, value] of Object.entries(part ?? {})) {
        if (typeof value !== "object" || value === null) continue;
        if (/font$/.test(key) && typeof value.size === "number") value.size = Math.max(21.5, Math.min(value.size * 1.4, 24)) * unit;
        grow(value);
      }
    };
    grow({ data, layout });
    layout.height = place.clientHeight;
    for (const [key, axis] of Object.entries(layout)) {
      if (!/^yaxis/.test(key) || !axis.title?.text) continue;
      // A title that is longer than its axis would run into the chart's.
      const most = (layout.height - 170 * unit) / (0.54 * axis.title.text.length);
      axis.title.font = { ...axis.title.font, size: Math.max(16.5 * unit, Math.min(21.5 * unit, most)) };
    }
    place.addEventListener("vizkit-fit", () => {
      const { clientHeight: height, clientWidth: width } = place;
      if (place.layout.height !== height) window.Plotly.relayout(place, { height, width });
    });
  }

  function draw(place) {
    if (place.dataset.drawn || !window.Plotly) return;
    place.dataset.drawn = "true";
    const { data, layout } = JSON.parse(document.getElementById(`${place.id}-data`).textContent);
    const narrow = place.clientWidth < 560;
    if (document.body.matches(".deck")) enlarge(place, data, layout);
    if (narrow && layout.title) layout.title = { ...layout.title, font: { size: 15 } };
    if (narrow) layout.margin = { l: 50, r: 12, t: 60, b: 50, ...layout.margin };
    window.Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
  }

  function openCharts() {
    const charts = [...document.querySelectorAll(".chart")];
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        draw(target);
      }
    }, { rootMargin: "800px 0px" });
    charts.forEach((chart) => near.observe(chart));
    return () => charts.forEach(draw);
  }

  /** Marks the heading being read in the contents. */
  function followReading() {
    const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
    const headings = [...document.querySelectorAll("main h2[id], main h3[id]")].filter((h) => links.has(h.id));
    let waiting = false;
    const mark = () => {
      waiting = false;
      // The last sections of a page never reach its top.
      const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 4;
      const here = atEnd ? headings.at(-1) : headings.filter((h) => h.getBoundingClientRect().top < 140).pop();
      for (const [id, link] of links) {
        if (id === here?.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      const link = here && links.get(here.id), side = document.getElementById("side");
      if (!link || !side) return;
      const [row, frame] = [link.getBoundingClientRect(), side.getBoundingClientRect()];
      if (row.top < frame.top || row.bottom > frame.bottom) side.scrollTop += row.top - frame.top - frame.height / 3;
    };
    addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
    mark();
  }

  function openMenu() {
    const button = document.querySelector(".menu"), side = document.getElementById("side");
    if (!button || !side) return;
    const set = (open) => {
      side.classList.toggle("open", open);
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => set(!side.classList.contains("open")));
    side.addEventListener("click", (event) => { if (event.target.closest("a")) set(false); });
    addEventListener("keydown", (event) => { if (event.key === "Escape") set(false); });
  }

  /** On paper everything is open, drawn and light. */
  function preparePrint(drawAll) {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll(".page details:not([open])")];
      for (const fold of closed) fold.open = true;
      printing = true;
      show(false);
      drawAll();
    });
    addEventListener("afterprint", () => {
      for (const fold of closed) fold.open = false;
      printing = false;
      show(isDark());
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector(".theme")?.addEventListener("click", toggle);
    openMenu();
    followReading();
    preparePrint(openCharts());
  });
})();
