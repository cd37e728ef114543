import { draw, type Layout, type Look } from "../site/charts.ts";

const LEAST = 21.5;
const MOST = 24;

/** Draws each chart of a deck once its slide is laid out, and again when its room changes. */
export function openCharts(unit: () => number): void {
  const look: Look = (place, chart) => enlarge(place, chart, unit());
  const rooms = new ResizeObserver((entries) => {
    for (const { target } of entries) fit(target as HTMLElement, look);
  });
  for (const chart of document.querySelectorAll<HTMLElement>(".chart")) rooms.observe(chart);
  // Plotly is read after the page.
  addEventListener("load", () => {
    for (const chart of document.querySelectorAll<HTMLElement>(".chart")) fit(chart, look);
  });
}

function fit(place: HTMLElement, look: Look): void {
  const { clientWidth: width, clientHeight: height } = place;
  if (!width || !height) return; // on a slide that is far away
  if (!place.dataset.drawn) draw(place, look);
  else if (place.dataset.room !== `${width} ${height}`) window.Plotly?.relayout(place, { width, height });
  place.dataset.room = `${width} ${height}`;
}

/** A chart is as high as its room, and its type as large as the prose. */
function enlarge(place: HTMLElement, { data, layout }: { data: unknown; layout: Layout }, unit: number) {
  growType({ data, layout }, unit);
  layout.height = place.clientHeight;
  layout.width = place.clientWidth;
  for (const [key, axis] of Object.entries(layout) as [string, { title?: Layout["title"] }][]) {
    if (!/^yaxis/.test(key) || !axis.title?.text) continue;
    // A title that is longer than its axis would run into the chart's.
    const most = (layout.height - 170 * unit) / (0.54 * axis.title.text.length);
    const size = Math.max(16.5 * unit, Math.min(LEAST * unit, most));
    axis.title.font = { ...axis.title.font, size };
  }
}

function growType(part: unknown, unit: number): void {
  for (const [key, value] of Object.entries(part ?? {})) {
    if (typeof value !== "object" || value === null) continue;
    if (/font$/.test(key) && typeof value.size === "number")
      value.size = Math.max(LEAST, Math.min(value.size * 1.4, MOST)) * unit;
    growType(value, unit);
  }
}
