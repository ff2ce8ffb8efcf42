import { rangeOf } from "./axis.ts";
import { drawPanel, escaped, type Line, PANEL_MARGIN, PANEL_WIDTH, type Panel, text } from "./panel.ts";

export interface ChartOptions {
  title: string;
  xTitle: string;
  yTitle: string;
  lines: readonly Line[];
}

export interface PanelsOptions {
  title: string;
  xTitle: string;
  /** One below the other, over the same x axis. */
  panels: readonly Panel[];
}

const HEAD = 36;
const FOOT = 24;
const PANEL_HEIGHT = 360;
/** Of a chart with more than one. */
const LOW_PANEL_HEIGHT = 240;
/** By Okabe and Ito, who chose them for the colour-blind; the second of each pair is for dark paper. */
const COLOURS = [
  ["#0072b2", "#56b4e9"],
  ["#d55e00", "#ff8c42"],
  ["#009e73", "#2fd3a2"],
  ["#cc79a7", "#e7a3ca"],
  ["#b07a00", "#f0c04a"],
  ["#3f8fc4", "#9fd4f5"],
  ["#666666", "#aaaaaa"],
] as const;

/** A line chart as an SVG document of its own; it follows the reader's light or dark colour scheme. */
export function lineChart({ title, xTitle, yTitle, lines }: ChartOptions): string {
  return panelChart({ title, xTitle, panels: [{ yTitle, lines }] });
}

/** As `lineChart`, of several pairs of axes. */
export function panelChart({ title, xTitle, panels }: PanelsOptions): string {
  const each = panels.length > 1 ? LOW_PANEL_HEIGHT : PANEL_HEIGHT;
  const height = HEAD + each * panels.length + FOOT;
  const xs = rangeOf(panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ x }) => x))));
  const colours = panels.map((_, place) => panels.slice(0, place).reduce((sum, { lines }) => sum + lines.length, 0));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PANEL_WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<style>${styleOf(panels.reduce((sum, { lines }) => sum + lines.length, 0))}</style>`,
    `<rect class="paper" width="${PANEL_WIDTH}" height="${height}"/>`,
    text(PANEL_WIDTH / 2, 24, title, "middle", 15),
    ...panels.flatMap((panel, place) => drawPanel(panel, xs, HEAD + place * each, each, colours[place] ?? 0)),
    text((PANEL_MARGIN.left + PANEL_WIDTH - PANEL_MARGIN.right) / 2, height - 10, xTitle, "middle"),
    "</svg>\n",
  ].join("\n");
}

function styleOf(lines: number): string {
  const strokes = (scheme: 0 | 1) =>
    Array.from({ length: lines }, (_, line) => `.line${line}{stroke:${COLOURS[line % COLOURS.length]?.[scheme] ?? "currentColor"}}`).join(
      "",
    );
  const light = `.paper{fill:#ffffff}text{fill:#222222}.rule{stroke:#dddddd}${strokes(0)}`;
  return `${light}@media (prefers-color-scheme:dark){.paper{fill:#16181c}text{fill:#e6e6e6}.rule{stroke:#3a3d44}${strokes(1)}}`;
}
