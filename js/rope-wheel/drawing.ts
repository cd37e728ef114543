import { LAST, signed, turned, type WheelState } from "./numbers.ts";

/** The wheel, the row of patches and the curve of the score, as SVG. */

export type Colors = Record<"query" | "key" | "product", string>;

type Attributes = Record<string, string | number>;

const SVG = "http://www.w3.org/2000/svg";

export function draw<K extends keyof SVGElementTagNameMap>(
  tag: K,
  parent: Element,
  attributes: Attributes = {},
  text = "",
): SVGElementTagNameMap[K] {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.textContent = text;
  return parent.appendChild(node);
}

function arrow(
  parent: Element,
  x: number,
  y: number,
  length: number,
  angle: number,
  style: Attributes,
): void {
  // The angle grows anticlockwise, as in a textbook; the screen's y points down.
  const [dx, dy] = [Math.cos(angle), -Math.sin(angle)];
  const tip = [x + length * dx, y + length * dy];
  const back = (side: number) => `${tip[0] - 13 * dx + side * 7 * dy},${tip[1] - 13 * dy - side * 7 * dx}`;
  draw("line", parent, { x1: x, y1: y, x2: tip[0] - 8 * dx, y2: tip[1] - 8 * dy, ...style });
  draw("polygon", parent, { points: `${tip} ${back(1)} ${back(-1)}`, fill: style.stroke });
}

export function drawRow(parent: Element, state: WheelState, colors: Colors): void {
  const width = 36;
  for (let place = 0; place <= LAST; place++) {
    draw("rect", parent, {
      x: place * width + 1,
      y: 20,
      width: width - 2,
      height: 26,
      rx: 4,
      fill: "none",
      stroke: "currentColor",
      "stroke-opacity": 0.35,
    });
    draw(
      "text",
      parent,
      {
        x: (place + 0.5) * width,
        y: 38,
        "text-anchor": "middle",
        "font-size": 13,
        fill: "currentColor",
        "fill-opacity": 0.75,
      },
      String(place),
    );
  }
  const at = (place: number) => (place + 0.5) * width;
  draw(
    "text",
    parent,
    {
      x: at(state.query),
      y: 13,
      "text-anchor": "middle",
      "font-size": 15,
      "font-weight": 700,
      fill: colors.query,
    },
    "query",
  );
  draw(
    "text",
    parent,
    {
      x: at(state.key),
      y: 63,
      "text-anchor": "middle",
      "font-size": 15,
      "font-weight": 700,
      fill: colors.key,
    },
    "key",
  );
  draw("rect", parent, {
    x: state.query * width + 1,
    y: 20,
    width: width - 2,
    height: 26,
    rx: 4,
    fill: "none",
    stroke: colors.query,
    "stroke-width": 3,
  });
  draw("rect", parent, {
    x: state.key * width + 4,
    y: 23,
    width: width - 8,
    height: 20,
    rx: 3,
    fill: "none",
    stroke: colors.key,
    "stroke-width": 3,
    "stroke-dasharray": "5 3",
  });
}

export function drawWheel(parent: Element, state: WheelState, colors: Colors): void {
  const [x, y, radius] = [125, 205, 105];
  const { angles } = turned(state);
  draw("circle", parent, {
    cx: x,
    cy: y,
    r: radius,
    fill: "none",
    stroke: "currentColor",
    "stroke-opacity": 0.35,
  });
  const names = ["query", "key"] as const;
  names.forEach((name, index) => {
    const style = {
      stroke: colors[name],
      "stroke-width": 2,
      "stroke-opacity": 0.45,
      "stroke-dasharray": "2 4",
    };
    const [from, to] = [state.start[index], angles[index]];
    draw("line", parent, {
      x1: x,
      y1: y,
      x2: x + radius * Math.cos(from),
      y2: y - radius * Math.sin(from),
      ...style,
    });
    const size = radius * (index ? 0.42 : 0.58),
      steps = Math.ceil(Math.abs(to - from) / 0.05) + 1;
    const arc = Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps);
    draw("polyline", parent, {
      points: arc.map((a) => `${x + size * Math.cos(a)},${y - size * Math.sin(a)}`).join(" "),
      fill: "none",
      ...style,
      "stroke-dasharray": "none",
    });
  });
  names.forEach((name, index) =>
    arrow(parent, x, y, radius, angles[index], {
      stroke: colors[name],
      "stroke-width": 4,
      "stroke-dasharray": index ? "9 5" : "none",
    }),
  );
}

export function drawCurve(parent: Element, state: WheelState, colors: Colors): void {
  const [left, right, middle, height] = [300, 565, 205, 85];
  const across = (offset: number) => left + ((offset + LAST) / (2 * LAST)) * (right - left);
  const up = (offset: number) =>
    middle - height * Math.cos(state.start[0] - state.start[1] + offset * state.frequency);
  const line = { stroke: "currentColor", "stroke-opacity": 0.35 };
  for (const value of [-1, 0, 1]) {
    draw("line", parent, {
      x1: left,
      x2: right,
      y1: middle - value * height,
      y2: middle - value * height,
      ...line,
    });
    draw(
      "text",
      parent,
      {
        x: left - 6,
        y: middle - value * height + 4,
        "text-anchor": "end",
        "font-size": 12,
        fill: "currentColor",
      },
      signed(value),
    );
  }
  draw("line", parent, { x1: across(0), x2: across(0), y1: middle - height, y2: middle + height, ...line });
  const offsets = Array.from({ length: 301 }, (_, i) => -LAST + (i / 300) * 2 * LAST);
  draw("polyline", parent, {
    points: offsets.map((o) => `${across(o)},${up(o)}`).join(" "),
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 2,
    "stroke-opacity": 0.8,
  });
  const offset = state.query - state.key;
  draw("circle", parent, {
    cx: across(offset),
    cy: up(offset),
    r: 8,
    fill: colors.product,
    stroke: "var(--jp-layout-color0, white)",
    "stroke-width": 2,
  });
  for (const value of [-LAST, 0, LAST])
    draw(
      "text",
      parent,
      {
        x: across(value),
        y: middle + height + 17,
        "text-anchor": "middle",
        "font-size": 12,
        fill: "currentColor",
      },
      signed(value),
    );
  draw(
    "text",
    parent,
    {
      x: (left + right) / 2,
      y: middle + height + 36,
      "text-anchor": "middle",
      "font-size": 14,
      fill: "currentColor",
    },
    "offset: query\u2019s place \u2212 key\u2019s place",
  );
  draw(
    "text",
    parent,
    {
      x: (left + right) / 2,
      y: middle - height - 12,
      "text-anchor": "middle",
      "font-size": 16,
      "font-weight": 700,
      fill: "currentColor",
    },
    `query \u00b7 key = ${signed(turned(state).product.toFixed(3))}`,
  );
}
