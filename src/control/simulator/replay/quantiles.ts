export interface Quantiles {
  average: number;
  p50: number;
  p99: number;
}

/** The value at floor(q x n), as the published figures have it; zeros of nothing. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return { average: mean(sorted), p50: at(0.5), p99: at(0.99) };
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Jain's index: 1 is equal, 1/n is all for one. */
export function jainIndex(values: readonly number[]): number {
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  return squares === 0 ? 1 : values.reduce((sum, value) => sum + value, 0) ** 2 / (values.length * squares);
}
