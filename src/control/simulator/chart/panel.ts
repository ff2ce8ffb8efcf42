import { type Range, rangeOf, tickLabel, ticksOf } from "./axis.ts";

export interface Line {
  name: string;
  points: readonly { x: number; y: number }[];
}

/** One pair of axes with its lines and their legend. */
export interface Panel {
  yTitle: string;
  lines: readonly Line[];
  /** The y axis shows at least these. */
  bounds?: Partial<Range>;
}

export const PANEL_WIDTH = 860;
export const PANEL_MARGIN = { left: 64, right: 170, top: 30, bottom: 28 };

/** Its elements, `height` tall from `top` downwards; colours are those of the document's style from `firstColour` on. */
export function drawPanel({ yTitle, lines, bounds }: Panel, xs: Range, top: number, height: number, firstColour: number): string[] {
  const ys = rangeOf(
    lines.flatMap(({ points }) => points.map(({ y }) => y)),
    bounds,
  );
  const [left, right] = [PANEL_MARGIN.left, PANEL_WIDTH - PANEL_MARGIN.right];
  const [above, below] = [top + PANEL_MARGIN.top, top + height - PANEL_MARGIN.bottom];
  const toX = (x: number) => left + ((x - xs.least) / (xs.most - xs.least)) * (right - left);
  const toY = (y: number) => below - ((y - ys.least) / (ys.most - ys.least)) * (below - above);
  return [
    ...ticksOf(xs).map((x) => `${rule(toX(x), above, toX(x), below)}${text(toX(x), below + 18, tickLabel(x), "middle")}`),
    ...ticksOf(ys).map((y) => `${rule(left, toY(y), right, toY(y))}${text(left - 8, toY(y) + 4, tickLabel(y), "end")}`),
    text(left, above - 10, yTitle, "start"),
    ...lines.map((line, place) => drawn(line, firstColour + place, above + 10 + place * 20, toX, toY)),
  ];
}

type Scale = (value: number) => number;

function drawn({ name, points }: Line, colour: number, y: number, toX: Scale, toY: Scale): string {
  const path = points.map((point) => `${toX(point.x).toFixed(1)},${toY(point.y).toFixed(1)}`).join(" ");
  const x = PANEL_WIDTH - PANEL_MARGIN.right + 14;
  return [
    `<polyline class="line${colour}" fill="none" stroke-width="1.6" points="${path}"/>`,
    `<line class="line${colour}" x1="${x}" y1="${y}" x2="${x + 20}" y2="${y}" stroke-width="3"/>`,
    text(x + 26, y + 4, name, "start"),
  ].join("");
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="rule" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`;
}

/** An SVG text at its baseline; `content` is escaped. */
export function text(x: number, y: number, content: string, anchor: string, size = 12): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`;
}

/** For text between tags; not for attributes, where quotes would matter. */
export function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
