import type { LogRecord } from "../client/api-client.ts";

interface Position {
  time: string;
  /** Records already shown that bear exactly this time. */
  shownAtTime: number;
  /** Of those, how many of the current stream were skipped again. */
  skippedAtTime: number;
  /** The current stream has passed what was shown before. */
  caughtUp: boolean;
}

/**
 * Remembers what was shown of each rank, so that a stream that broke can be asked for again from a little before and every
 * record still shows once. Times of one rank only grow (one monitor writes its file); what breaks that, a wall clock set back
 * or a retry on a node whose clock is behind, matters only while a broken stream catches up.
 */
export interface LogCursor {
  /** True when the record has not been shown yet; it then counts as shown. */
  accept(record: LogRecord): boolean;
  /** Call before reading another stream of the same log. */
  reopen(): void;
  /** The time to ask from: nothing of any rank seen so far is missed. Undefined while nothing was shown. */
  since(): string | undefined;
}

/** A cursor that has shown nothing; it keeps one position a rank, whatever the length of the log. */
export function logCursor(): LogCursor {
  const positions = new Map<number, Position>();
  return {
    accept(record) {
      const position = positions.get(record.rank);
      if (position && isRepeated(position, record.time)) return false;
      const again = position?.time === record.time ? position.shownAtTime + 1 : 1;
      positions.set(record.rank, { time: record.time, shownAtTime: again, skippedAtTime: 0, caughtUp: true });
      return true;
    },
    reopen() {
      for (const position of positions.values()) Object.assign(position, { skippedAtTime: 0, caughtUp: false });
    },
    since() {
      const times = [...positions.values()].map((position) => position.time);
      return times.length === 0 ? undefined : times.reduce((least, time) => (compareTimes(time, least) < 0 ? time : least));
    },
  };
}

function isRepeated(position: Position, time: string): boolean {
  if (position.caughtUp) return false;
  const order = compareTimes(time, position.time);
  if (order !== 0) return order < 0;
  position.skippedAtTime += 1;
  return position.skippedAtTime <= position.shownAtTime;
}

/** Orders RFC 3339 times with up to nanoseconds, which Date cannot hold, whatever their offsets. */
export function compareTimes(left: string, right: string): number {
  const [leftMs, leftRest] = split(left);
  const [rightMs, rightRest] = split(right);
  if (leftMs !== rightMs) return leftMs < rightMs ? -1 : 1;
  return leftRest === rightRest ? 0 : leftRest < rightRest ? -1 : 1;
}

/** Milliseconds since the epoch, and the digits below them as a number of nanoseconds. */
function split(time: string): [number, number] {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return [Date.parse(time), Number(fraction.padEnd(9, "0").slice(3, 9))];
}
