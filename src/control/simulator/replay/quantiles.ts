export interface Quantiles {
  average: number;
  p50: number;
  p99: number;
}

/** Zeros of nothing. */
export function quantiles(values: readonly number[]): Quantiles {
  const ascending = [...values].sort((left, right) => left - right);
  return { average: mean(ascending), p50: quantile(ascending, 0.5), p99: quantile(ascending, 0.99) };
}

/** Of ascending values the one at floor(part x n), as the published figures have it; 0 of none. */
export function quantile(ascending: readonly number[], part: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(part * ascending.length))] ?? 0;
}

/** 0 of none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Jain's index: 1 is equal, 1/n is all for one. */
export function jainIndex(values: readonly number[]): number {
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  return squares === 0 ? 1 : values.reduce((sum, value) => sum + value, 0) ** 2 / (values.length * squares);
}
