/** What of Plotly a page uses. */
interface Plotly {
  newPlot(place: HTMLElement, data: unknown, layout: Layout, config: object): void;
  relayout(place: HTMLElement, change: object): void;
}

declare global {
  interface Window {
    Plotly?: Plotly;
  }
}

interface Font {
  size?: number;
}

interface Title {
  text?: string;
  font?: Font;
}

export interface Layout {
  height?: number;
  width?: number;
  title?: Title;
  margin?: object;
  [part: string]: unknown;
}

/** Changes what a chart is drawn from, where its place asks for another look. */
export type Look = (place: HTMLElement, chart: { data: unknown; layout: Layout }) => void;

/** Draws a chart in its place, once; Plotly may not have been read yet. */
export function draw(place: HTMLElement, look: Look): void {
  if (place.dataset.drawn || !window.Plotly) return;
  place.dataset.drawn = "true";
  const chart = JSON.parse(document.getElementById(`${place.id}-data`)?.textContent ?? "");
  look(place, chart);
  window.Plotly.newPlot(place, chart.data, chart.layout, { responsive: true, displaylogo: false });
}

/** On a telephone the title is small and the margins are narrow. */
export const pageLook: Look = (place, { layout }) => {
  if (place.clientWidth >= 560) return;
  if (layout.title) layout.title = { ...layout.title, font: { size: 15 } };
  layout.margin = { l: 50, r: 12, t: 60, b: 50, ...layout.margin };
};

/** Draws the charts of a page as they come near; returns what draws them all. */
export function openCharts(): () => void {
  const charts = [...document.querySelectorAll<HTMLElement>(".chart")];
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        draw(target as HTMLElement, pageLook);
      }
    },
    { rootMargin: "800px 0px" },
  );
  for (const chart of charts) near.observe(chart);
  return () => {
    for (const chart of charts) draw(chart, pageLook);
  };
}
