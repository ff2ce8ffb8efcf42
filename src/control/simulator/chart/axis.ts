export interface Range {
  least: number;
  most: number;
}

const TICKS = 6;

/** From the least to the most value, wider where a bound is given. Never empty. */
export function rangeOf(values: readonly number[], bounds: Partial<Range> = {}): Range {
  const finite = [...values.filter(Number.isFinite), ...Object.values(bounds)];
  const least = finite.reduce((low, value) => Math.min(low, value), finite[0] ?? 0);
  const most = finite.reduce((high, value) => Math.max(high, value), finite[0] ?? 1);
  if (most > least) return { least, most };
  return bounds.least === undefined ? { least: least - 1, most: most + 1 } : { least, most: least + 1 };
}

/** Round numbers, about six. */
export function ticksOf({ least, most }: Range): number[] {
  const rough = (most - least) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const first = Math.ceil(least / step) * step;
  return Array.from({ length: Math.floor((most - first) / step + 1e-9) + 1 }, (_, place) => first + place * step);
}

/** Six digits at most, thousands apart: "12,500". */
export function tickLabel(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString("en-US");
}
