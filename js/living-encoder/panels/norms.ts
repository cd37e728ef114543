import { make, mark } from "../../shared/dom.ts";
import { formatNumber, roundTicks } from "../../shared/numbers.ts";
import { PIN } from "../../shared/paint.ts";
import type { Surface } from "../../shared/painter.ts";
import type { Context } from "../context.ts";
import type { ImageAnswer } from "../engine.ts";
import { mean } from "../numbers.ts";

interface Line {
  name: string;
  color: string;
  values: number[];
  dashed: boolean;
}

/** How long the residual stream is after each layer: the class token, and the mean of the patches. */
export function openNorms(context: Context, parent: HTMLElement) {
  const { frame, facts, answers, state, onWords } = context;
  const element = make(
    "div",
    { class: "vk-panel", "data-panel": "norms" },
    make("div", { class: "vk-small" }, "norm of the residual stream (patches: mean)"),
  );
  parent.append(element);
  element.hidden = !facts.layers;
  const linesOf = ({ norms }: ImageAnswer, dashed: boolean): Line[] => {
    const rows = Array.from({ length: facts.layers + 1 }, (_, depth) =>
      norms.subarray(depth * facts.tokens, (depth + 1) * facts.tokens),
    );
    const patches = rows.map((row) => mean(row.subarray(facts.prefix)));
    const lines = [{ name: "patches", color: frame.color("accent"), values: patches, dashed }];
    const first = rows.map((row) => row[0]);
    if (facts.prefix) lines.push({ name: "class token", color: frame.color("focus"), values: first, dashed });
    return lines;
  };
  const paint = (surface: Surface) => {
    if (!facts.layers) return;
    const before = answers.before();
    const now = linesOf(answers.image(), false);
    paintChart(context, surface, [...(before ? linesOf(before, true) : []), ...now], state.depth);
  };
  const surface = frame.surface(
    element,
    "Length of the residual stream by layer",
    paint,
    { "data-processor": "" },
    () => [answers.image(), answers.before(), state.depth],
  );
  onWords(() => {
    if (facts.layers) mark(surface.canvas, "aria-label", inWords(linesOf(answers.image(), false)));
  });
  return {
    element,
    fit(width: number, height: number) {
      element.style.width = `${Math.round(width)}px`;
      Object.assign(surface.canvas.style, {
        width: `${Math.round(width)}px`,
        height: `${Math.round(height)}px`,
      });
    },
  };
}

function inWords(lines: Line[]): string {
  const parts = lines.map(
    ({ name, values }) => `${name}: ${values.map((value) => formatNumber(value, 2)).join(", ")}`,
  );
  return `Length of the residual stream after layer 0, 1, …; ${parts.join("; ")}`;
}

function paintChart(
  { frame, text, facts }: Context,
  { context: pen, width, height }: Surface,
  lines: Line[],
  depth: number,
): void {
  const unit = frame.scale();
  const [left, right, top, bottom] = [34 * unit, width - 10 * unit, 26 * unit, height - 34 * unit];
  const most = Math.max(...lines.flatMap(({ values }) => values)) * 1.08 || 1;
  const x = (layer: number) => left + ((layer + 0.15) / (facts.layers + 0.3)) * (right - left);
  const y = (value: number) => bottom - (value / most) * (bottom - top);
  pen.textBaseline = "alphabetic";
  for (const value of roundTicks(0, most, Math.max(2, Math.round(height / (55 * unit))))) {
    text(pen, formatNumber(value, 2), left - 5 * unit, y(value) + 4 * unit, "right");
    pen.fillStyle = frame.color("line");
    pen.fillRect(left, y(value), right - left, 1);
  }
  for (let layer = 0; layer <= facts.layers; layer++)
    text(pen, layer ? String(layer) : "stem", x(layer), bottom + 14 * unit);
  text(pen, "after layer", (left + right) / 2, height - 5 * unit);
  pen.fillStyle = PIN;
  pen.globalAlpha = 0.18;
  pen.fillRect(x(depth) - 9 * unit, top, 18 * unit, bottom - top);
  pen.globalAlpha = 1;
  for (const { values, color, dashed } of lines) {
    Object.assign(pen, { strokeStyle: color, lineWidth: 2 * unit });
    pen.setLineDash(dashed ? [4 * unit, 4 * unit] : []);
    pen.beginPath();
    values.forEach((value, layer) => pen.lineTo(x(layer), y(value)));
    pen.stroke();
    pen.setLineDash([]);
    if (dashed) continue;
    pen.fillStyle = color;
    for (const [layer, value] of values.entries()) {
      pen.beginPath();
      pen.arc(x(layer), y(value), 3.5 * unit, 0, 7);
      pen.fill();
    }
  }
  paintKey(pen, frame, lines, 0, 12 * unit);
}

function paintKey(
  pen: CanvasRenderingContext2D,
  frame: Context["frame"],
  lines: Line[],
  left: number,
  top: number,
): void {
  const unit = frame.scale();
  Object.assign(pen, { font: frame.font(12), textAlign: "left" });
  let x = left;
  for (const { name, color, dashed } of lines) {
    if (dashed) continue;
    pen.fillStyle = color;
    pen.fillRect(x, top - 5 * unit, 14 * unit, 3 * unit);
    pen.fillStyle = frame.color("ink");
    pen.fillText(name, x + 18 * unit, top);
    x += pen.measureText(name).width + 30 * unit;
  }
  if (!lines.some(({ dashed }) => dashed)) return;
  pen.fillStyle = frame.color("muted");
  pen.fillText("┄ before", x, top);
}
