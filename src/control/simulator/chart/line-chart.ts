export interface Line {
  name: string;
  points: readonly { x: number; y: number }[];
}

export interface ChartOptions {
  title: string;
  xTitle: string;
  yTitle: string;
  lines: readonly Line[];
}

const WIDTH = 860;
const HEIGHT = 420;
const MARGIN = { left: 64, right: 170, top: 40, bottom: 52 };
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666"];
const TICKS = 6;

/** A line chart as an SVG document of its own, readable on white and on dark. Colours by Okabe and Ito. */
export function lineChart({ title, xTitle, yTitle, lines }: ChartOptions): string {
  const xs = rangeOf(lines.flatMap(({ points }) => points.map(({ x }) => x)));
  const ys = rangeOf(lines.flatMap(({ points }) => points.map(({ y }) => y)));
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const toX = (x: number) => MARGIN.left + ((x - xs.least) / (xs.most - xs.least)) * (right - MARGIN.left);
  const toY = (y: number) => bottom - ((y - ys.least) / (ys.most - ys.least)) * (bottom - MARGIN.top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(WIDTH / 2, 22, title, "middle", 15),
    ...ticks(xs).map((x) => `${rule(toX(x), MARGIN.top, toX(x), bottom)}${text(toX(x), bottom + 18, label(x), "middle")}`),
    ...ticks(ys).map((y) => `${rule(MARGIN.left, toY(y), right, toY(y))}${text(MARGIN.left - 8, toY(y) + 4, label(y), "end")}`),
    text((MARGIN.left + right) / 2, HEIGHT - 12, xTitle, "middle"),
    text(MARGIN.left, MARGIN.top - 8, yTitle, "start"),
    ...lines.map((line, place) => drawn(line, COLOURS[place % COLOURS.length] ?? "#000000", place, toX, toY)),
    "</svg>\n",
  ].join("\n");
}

function drawn({ name, points }: Line, colour: string, place: number, toX: (x: number) => number, toY: (y: number) => number): string {
  const path = points.map(({ x, y }) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(" ");
  const [x, y] = [WIDTH - MARGIN.right + 14, MARGIN.top + 10 + place * 20];
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="1.6" points="${path}"/>`,
    `<line x1="${x}" y1="${y}" x2="${x + 20}" y2="${y}" stroke="${colour}" stroke-width="3"/>`,
    text(x + 26, y + 4, name, "start"),
  ].join("");
}

function rangeOf(values: readonly number[]): { least: number; most: number } {
  const finite = values.filter(Number.isFinite);
  const least = finite.reduce((low, value) => Math.min(low, value), finite[0] ?? 0);
  const most = finite.reduce((high, value) => Math.max(high, value), finite[0] ?? 1);
  return most > least ? { least, most } : { least: least - 1, most: least + 1 };
}

/** Round numbers, about six. */
function ticks({ least, most }: { least: number; most: number }): number[] {
  const rough = (most - least) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const first = Math.ceil(least / step) * step;
  return Array.from({ length: Math.floor((most - first) / step + 1e-9) + 1 }, (_, place) => first + place * step);
}

function label(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString("en-US");
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#dddddd"/>`;
}

function text(x: number, y: number, content: string, anchor: string, size = 12): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="#222222">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
