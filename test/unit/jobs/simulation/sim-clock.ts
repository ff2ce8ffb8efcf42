/** A virtual machine room: one time line, one random source, so that a seed replays exactly. */
export interface SimClock {
  /** Real time, milliseconds; nobody inside may read it but through a clock of its own. */
  time(): number;
  after(milliseconds: number, action: () => void): void;
  sleep(milliseconds: number): Promise<void>;
  /** Runs what is due until `end` or until `done` says so. */
  runUntil(end: number, done: () => boolean): Promise<void>;
}

export function createSimClock(): SimClock {
  let time = 0;
  let sequence = 0;
  const agenda: { at: number; sequence: number; action: () => void }[] = [];
  const after = (milliseconds: number, action: () => void) => {
    sequence += 1;
    const entry = { at: time + milliseconds, sequence, action };
    let low = 0;
    let high = agenda.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = agenda[middle];
      if (other !== undefined && (other.at < entry.at || (other.at === entry.at && other.sequence < entry.sequence))) low = middle + 1;
      else high = middle;
    }
    agenda.splice(low, 0, entry);
  };
  return {
    time: () => time,
    after,
    sleep: (milliseconds) => new Promise((resolve) => after(milliseconds, resolve)),
    runUntil: async (end, done) => {
      while (time < end && !done()) {
        const next = agenda.shift();
        if (next === undefined) return;
        time = next.at;
        next.action();
        await settle();
      }
    },
  };
}

/** Lets every promise that can go on do so, before time moves. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export type Random = () => number;

/** mulberry32 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
