import { BerthError } from "./errors.ts";

/** Largest index: what Slurm's 32-bit task ids hold. */
const LARGEST_INDEX = 2 ** 31 - 1;
/** What disordered ranges may unfold to while they are joined. */
const MOST_UNFOLDED = 1_000_000;

/** first, first + step, ... last. */
interface IndexRange {
  first: number;
  last: number;
  step: number;
}

/**
 * Whole numbers from 0, ascending, held as ranges: the text form ("0-99:2,200", Slurm's --array without its limit) of a
 * hundred thousand is a few characters.
 */
export interface TaskIndexes {
  readonly ranges: readonly IndexRange[];
  readonly count: number;
}

/**
 * Reads "7", "0-99", "0-99:2", "1,5,10-20"; "" is none. Overlapping parts are joined.
 * @throws BerthError invalid_request
 */
export function parseTaskIndexes(text: string): TaskIndexes {
  if (text === "") return { ranges: [], count: 0 };
  const ranges = text.split(",").map(parseRange);
  const named = ranges.reduce((sum, range) => sum + countOf(range), 0);
  const ascending = ranges.every((range, place) => place === 0 || range.first > (ranges[place - 1]?.last ?? 0));
  if (ascending) return { ranges, count: named };
  if (named > MOST_UNFOLDED) refuse(`${JSON.stringify(text)} overlaps: write its ${named} indexes in ascending order`);
  return taskIndexesOf(ranges.flatMap(unfold));
}

/** As a user writes them: "0-99:2,105". */
export function formatTaskIndexes({ ranges }: TaskIndexes): string {
  return ranges.map(formatRange).join(",");
}

/** The indexes in any order, repeated ones once. */
export function taskIndexesOf(indexes: Iterable<number>): TaskIndexes {
  const sorted = [...new Set(indexes)].sort((left, right) => left - right);
  const ranges: IndexRange[] = [];
  for (let place = 0; place < sorted.length; ) {
    const range = rangeFrom(sorted, place);
    ranges.push(range);
    place += countOf(range);
  }
  return { ranges, count: sorted.length };
}

/** Every index, in order. */
export function taskIndexList({ ranges }: TaskIndexes): number[] {
  return ranges.flatMap(unfold);
}

/** Unfolds nothing: cheap for an array of any size. */
export function hasTaskIndex({ ranges }: TaskIndexes, index: number): boolean {
  return ranges.some(({ first, last, step }) => index >= first && index <= last && (index - first) % step === 0);
}

/** The lowest `most` of them and the rest. */
export function takeTaskIndexes({ ranges, count }: TaskIndexes, most: number): { taken: number[]; rest: TaskIndexes } {
  const taken: number[] = [];
  const rest: IndexRange[] = [];
  for (const range of ranges) {
    const some = Math.min(countOf(range), most - taken.length);
    for (let turn = 0; turn < some; turn += 1) taken.push(range.first + turn * range.step);
    if (some < countOf(range)) rest.push({ ...range, first: range.first + some * range.step });
  }
  return { taken, rest: { ranges: rest, count: count - taken.length } };
}

/** Splits them into those that are in `other` and those that are not. */
export function splitTaskIndexes(indexes: TaskIndexes, other: TaskIndexes): { inside: TaskIndexes; outside: TaskIndexes } {
  const all = taskIndexList(indexes);
  const among = new Set(taskIndexList(other));
  return {
    inside: taskIndexesOf(all.filter((index) => among.has(index))),
    outside: taskIndexesOf(all.filter((index) => !among.has(index))),
  };
}

/** The lowest, the highest and their number; null for none. */
export function taskIndexBounds({ ranges, count }: TaskIndexes): { least: number; most: number; count: number } | null {
  const [first, last] = [ranges[0], ranges.at(-1)];
  return first === undefined || last === undefined ? null : { least: first.first, most: last.last, count };
}

function parseRange(text: string): IndexRange {
  const match = /^(\d{1,10})(?:-(\d{1,10})(?::(\d{1,10}))?)?$/.exec(text.trim());
  if (match === null) refuse(`${JSON.stringify(text)} is neither an index nor a range like 0-99 or 0-99:2`);
  const first = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  const step = Number(match[3] ?? 1);
  if (to > LARGEST_INDEX) refuse(`index ${to} is more than ${LARGEST_INDEX}`);
  if (to < first) refuse(`the range ${text} ends before it begins`);
  if (step < 1) refuse(`the step of ${text} must be at least 1`);
  return { first, last: first + Math.floor((to - first) / step) * step, step };
}

function countOf({ first, last, step }: IndexRange): number {
  return Math.floor((last - first) / step) + 1;
}

function unfold(range: IndexRange): number[] {
  return Array.from({ length: countOf(range) }, (_, turn) => range.first + turn * range.step);
}

/** The longest run of equal steps; two lone numbers are no run. */
function rangeFrom(sorted: readonly number[], place: number): IndexRange {
  const first = sorted[place] ?? 0;
  const step = (sorted[place + 1] ?? first + 1) - first;
  let end = place;
  while (sorted[end + 1] === (sorted[end] ?? 0) + step) end += 1;
  if (end - place < 2 && step !== 1) return { first, last: first, step: 1 };
  return { first, last: sorted[end] ?? first, step };
}

function formatRange({ first, last, step }: IndexRange): string {
  if (first === last) return `${first}`;
  return step === 1 ? `${first}-${last}` : `${first}-${last}:${step}`;
}

function refuse(message: string): never {
  throw new BerthError("invalid_request", message);
}
