import { PIN } from "../shared/paint.ts";
import type { Surface } from "../shared/painter.ts";
import type { Context } from "./context.ts";
import { meanDistance } from "./numbers.ts";
import { type Choose, isOn, makePanel, type Panel, pickHeads, resize, type Tile } from "./panel.ts";

/** Mean attention distance of every head (Figure 7 of the ViT paper). */
export function openDistance(context: Context, s: number, parent: HTMLElement, choose: Choose): Panel {
  const { frame, about, blockOf } = context;
  const { layers } = about.sides[s];
  const useful = about.kind === "attention";
  const element = makePanel(parent, "distance", "mean attention distance (share of the width)");
  const uniform = useful ? meanDistance(null, 0, about.sides[0].layers[0].grid) : 0;
  const axes = () => {
    const unit = frame.scale();
    const all = layers.flatMap((_, index) => blockOf(s, index)?.reach?.filter(Number.isFinite) ?? []);
    const top = Math.max(uniform * 1.25, ...all);
    return {
      top,
      x: (layer: number) => 40 * unit + ((layer + 0.5) / layers.length) * (surface.width - 48 * unit),
      y: (value: number) => surface.height - 34 * unit - (value / top) * (surface.height - 60 * unit),
    };
  };
  const paint = ({ context: pen }: Surface) => {
    paintAxes(context, s, surface, axes(), uniform);
    for (const dot of dots()) {
      const current = isOn(context, s, dot.layer, dot.head);
      pen.beginPath();
      pen.arc(dot.x, dot.y, (current ? 6.5 : 4) * frame.scale(), 0, 7);
      pen.fillStyle = current ? PIN : frame.color("accent");
      pen.globalAlpha = current ? 1 : 0.65;
      pen.fill();
      pen.globalAlpha = 1;
      if (!current) continue;
      pen.strokeStyle = frame.color("ink");
      pen.lineWidth = 1.5;
      pen.stroke();
    }
  };
  const dots = () => {
    const { x, y } = axes();
    return layers.flatMap((_, layer) =>
      (blockOf(s, layer)?.reach ?? []).map((value, head) => ({ layer, head, x: x(layer), y: y(value) })),
    );
  };
  const hit = (px: number, py: number): Tile | null => {
    let near = 14 * frame.scale();
    let found: Tile | null = null;
    for (const { layer, head, x, y } of dots()) {
      const far = Math.hypot(x - px, y - py);
      if (!(far < near)) continue;
      near = far;
      found = { layer, head, box: [x - 7, y - 7, 14, 14] };
    }
    return found;
  };
  const surface = frame.surface(element, "Mean attention distance", paint, { style: "cursor:pointer" });
  pickHeads(context, s, surface, hit, choose);
  return {
    name: "distance",
    element,
    useful,
    fit(width, height) {
      const unit = frame.scale();
      resize(surface, Math.min(width, 620 * unit), Math.min(height - 24 * unit, 320 * unit));
    },
  };
}

interface Axes {
  top: number;
  x(layer: number): number;
  y(value: number): number;
}

function paintAxes(
  context: Context,
  s: number,
  surface: Surface,
  { top, x, y }: Axes,
  uniform: number,
): void {
  const { about, frame, text } = context;
  const { layers } = about.sides[s];
  const { context: pen, width, height } = surface;
  const unit = frame.scale();
  const step = top > 0.8 || height < 170 * unit ? 0.4 : 0.2;
  for (let value = 0; value <= top; value += step) {
    text(pen, value.toFixed(1), 8 * unit, y(value) + 4, "left");
    pen.fillStyle = frame.color("line");
    pen.fillRect(34 * unit, y(value), width, 1);
  }
  const every = Math.ceil(layers.length / Math.max(4, width / (34 * unit)));
  layers.forEach((layer, index) => {
    const room = ((width - 48 * unit) / layers.length) * every - 4;
    if (index % every === 0) text(pen, layer.name, x(index), height - 18 * unit, "center", "muted", room);
  });
  text(pen, "layer", width / 2, height - 4 * unit);
  // Named above the plot, where no dot can be.
  text(pen, "uniform attention", width - 2, 11 * unit, "right");
  const words = pen.measureText("uniform attention").width;
  for (let dash = 34 * unit; dash < width; dash += 9) pen.fillRect(dash, y(uniform), 5, 1.5);
  for (let dash = 1; dash < 4; dash++) pen.fillRect(width - words - 4 - dash * 9, 7 * unit, 5, 1.5);
}
