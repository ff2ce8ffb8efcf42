import { WHOLE_GPU } from "./room.ts";

/** How many of each size arrive, relative to each other. */
export interface ShareDemand {
  gpuMillis: number;
  weight: number;
}

/** worth[left]: the part of a whole GPU that `left` thousandths are worth to the expected shares, 0..1, never falling. */
export type ShareWorth = Float64Array;

const MOST_ROUNDS = 200;
const EPSILON = 1e-9;

/**
 * Shadow prices of the cutting-stock problem (Gilmore and Gomory 1961): how few GPUs hold the expected shares, and what each
 * size costs of one. A leftover is worth the dearest set of shares that fits into it: 530 of 1000 is worth half a GPU where
 * many ask for 470, and 190 nothing where nobody asks for less. Without demand a leftover is worth its size.
 */
export function shareWorth(demands: readonly ShareDemand[]): ShareWorth {
  const wanted = demands.filter(({ gpuMillis, weight }) => gpuMillis > 0 && gpuMillis < WHOLE_GPU && weight > 0);
  if (wanted.length === 0) return Float64Array.from({ length: WHOLE_GPU + 1 }, (_, left) => left / WHOLE_GPU);
  const prices = shadowPrices(wanted);
  return knapsack(wanted, prices).worth;
}

/** Revised simplex over cutting patterns; the basis' inverse is kept. Prices y with y * pattern <= 1 for every pattern. */
function shadowPrices(demands: readonly ShareDemand[]): number[] {
  const size = demands.length;
  const most = demands.map(({ gpuMillis }) => Math.floor(WHOLE_GPU / gpuMillis));
  const inverse = most.map((count, row) => most.map((_, column) => (row === column ? 1 / count : 0)));
  const amounts = demands.map(({ weight }, row) => weight / (most[row] ?? 1));
  let prices: number[] = [];
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    prices = Array.from({ length: size }, (_, column) => inverse.reduce((sum, row) => sum + (row[column] ?? 0), 0));
    const { worth, pattern } = knapsack(demands, prices);
    if ((worth[WHOLE_GPU] ?? 0) <= 1 + EPSILON) break;
    enter(inverse, amounts, pattern());
  }
  return prices.map((price) => Math.max(0, price));
}

/** One pivot: the pattern enters, the row that runs out first leaves. */
function enter(inverse: number[][], amounts: number[], pattern: readonly number[]): void {
  const direction = inverse.map((row) => row.reduce((sum, value, column) => sum + value * (pattern[column] ?? 0), 0));
  let leaving = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [row, value] of direction.entries()) {
    if (value <= EPSILON) continue;
    const ratio = (amounts[row] ?? 0) / value;
    if (ratio < least) [leaving, least] = [row, ratio];
  }
  const pivotRow = inverse[leaving];
  const pivot = direction[leaving];
  if (pivotRow === undefined || pivot === undefined) return;
  const scaled = pivotRow.map((value) => value / pivot);
  for (const [row, value] of direction.entries()) {
    if (row === leaving) continue;
    inverse[row] = (inverse[row] ?? []).map((old, column) => old - value * (scaled[column] ?? 0));
    amounts[row] = Math.max(0, (amounts[row] ?? 0) - value * least);
  }
  inverse[leaving] = scaled;
  amounts[leaving] = least;
}

/** Unbounded knapsack over every leftover size at once; `pattern` counts what fills a whole GPU best. */
function knapsack(demands: readonly ShareDemand[], prices: readonly number[]): { worth: Float64Array; pattern(): number[] } {
  const worth = new Float64Array(WHOLE_GPU + 1);
  const last = new Int16Array(WHOLE_GPU + 1).fill(-1);
  for (let left = 1; left <= WHOLE_GPU; left += 1) {
    worth[left] = worth[left - 1] ?? 0;
    for (const [index, { gpuMillis }] of demands.entries()) {
      const candidate = left >= gpuMillis ? (worth[left - gpuMillis] ?? 0) + (prices[index] ?? 0) : 0;
      if (candidate > (worth[left] ?? 0) + EPSILON) {
        worth[left] = candidate;
        last[left] = index;
      }
    }
  }
  return { worth, pattern: () => countPattern(demands, last) };
}

function countPattern(demands: readonly ShareDemand[], last: Int16Array): number[] {
  const counts = demands.map(() => 0);
  for (let left = WHOLE_GPU; left > 0; ) {
    const index = last[left] ?? -1;
    if (index === -1) {
      left -= 1;
      continue;
    }
    counts[index] = (counts[index] ?? 0) + 1;
    left -= demands[index]?.gpuMillis ?? left;
  }
  return counts;
}
