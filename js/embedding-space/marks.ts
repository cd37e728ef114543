import { categoryColors, marks, textMarks } from "../../vizkit/constants.json";

/** The shapes that tell classes apart, beside their colours; the same in WebGL, on a canvas and in the legend. */
export const MARKS: readonly string[] = [...marks, ...textMarks];

/** The first mark of texts in `MARKS`. */
export const FIRST_TEXT_MARK = marks.length;

/** How many classes have a colour of their own; from there on the mark changes, too. */
export const PALETTE = categoryColors.length;

/** Index of the mark of a class, of its points or of those that are texts. */
export function markOf(code: number, text: boolean): number {
  const turn = Math.floor(code / PALETTE);
  return text ? FIRST_TEXT_MARK + (turn % textMarks.length) : turn % marks.length;
}

/** Corners on a circle of radius 1, as (right, down); a disc has none. */
const CORNERS: Record<string, [number, number][]> = {
  square: [
    [-0.85, -0.85],
    [0.85, -0.85],
    [0.85, 0.85],
    [-0.85, 0.85],
  ],
  diamond: [
    [0, -1.2],
    [1.2, 0],
    [0, 1.2],
    [-1.2, 0],
  ],
  hourglass: [
    [-0.9, -1],
    [0.9, -1],
    [-0.9, 1],
    [0.9, 1],
  ],
  cross: cross(0),
  x: cross(Math.PI / 4),
  star: turned(10, (i) => (i % 2 ? 0.5 : 1.15)),
  pentagon: turned(5, () => 1),
  "triangle-up": [
    [0, -1.3],
    [1.13, 0.65],
    [-1.13, 0.65],
  ],
  "triangle-down": [
    [0, 1.3],
    [1.13, -0.65],
    [-1.13, -0.65],
  ],
  "triangle-left": [
    [-1.3, 0],
    [0.65, 1.13],
    [0.65, -1.13],
  ],
  "triangle-right": [
    [1.3, 0],
    [-0.65, 1.13],
    [-0.65, -1.13],
  ],
};

/** The most that a corner is away from the middle. */
export const REACH = 1.35;

function turned(count: number, radius: (i: number) => number): [number, number][] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (i * 2 * Math.PI) / count;
    return [radius(i) * Math.sin(angle), -radius(i) * Math.cos(angle)];
  });
}

/** Two bars across each other. */
function cross(angle: number): [number, number][] {
  const [long, wide] = [1.1, 0.36];
  const quarter: [number, number][] = [
    [-wide, -long],
    [wide, -long],
    [wide, -wide],
  ];
  return [0, 1, 2, 3].flatMap((turn) =>
    quarter.map(([x, y]): [number, number] => {
      const [sin, cos] = [Math.sin(angle + (turn * Math.PI) / 2), Math.cos(angle + (turn * Math.PI) / 2)];
      return [x * cos - y * sin, x * sin + y * cos];
    }),
  );
}

/** Adds a mark's outline to the path. */
export function traceMark(
  pen: CanvasRenderingContext2D,
  mark: number,
  x: number,
  y: number,
  radius: number,
): void {
  const corners = CORNERS[MARKS[mark]];
  if (!corners) {
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([right, down], i) => {
    if (i) pen.lineTo(x + right * radius, y + down * radius);
    else pen.moveTo(x + right * radius, y + down * radius);
  });
  pen.closePath();
}

/** A mark as CSS for a swatch: the value of `clip-path`. */
export function clipPathOf(mark: number): string {
  const corners = CORNERS[MARKS[mark]];
  if (!corners) return "circle(38%)";
  const percent = (value: number) => `${(50 + (value * 50) / REACH).toFixed(1)}%`;
  return `polygon(${corners.map(([right, down]) => `${percent(right)} ${percent(down)}`).join(",")})`;
}
