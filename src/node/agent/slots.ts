/** Lets at most `count` pieces of work run at a time, the others wait in order. */
export interface Slots {
  /** Rejects with the signal's reason, without running `work`, when it aborted while waiting. */
  use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** In the order in which they asked; whoever was given up waits for its turn and then lets the next have it. */
export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async use(work, signal) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        signal?.throwIfAborted();
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      }
    },
  };
}
