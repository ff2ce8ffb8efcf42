/** A few calls on their way at once, each known by a key. */
export interface InFlight {
  /** Starts `work` as soon as fewer than the limit are on their way. What failed before is thrown here or by `settle`. */
  start(key: string, work: () => Promise<void>): Promise<void>;
  has(key: string): boolean;
  /** Waits for all. @throws the first failure */
  settle(): Promise<void>;
}

export function createInFlight(limit: number): InFlight {
  const running = new Map<string, Promise<void>>();
  let failure: { error: unknown } | null = null;
  const check = () => {
    if (failure !== null) throw failure.error;
  };
  return {
    async start(key, work) {
      while (running.size >= limit) await Promise.race(running.values());
      check();
      const started = work()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(key));
      running.set(key, started);
    },
    has: (key) => running.has(key),
    async settle() {
      await Promise.all(running.values());
      check();
    },
  };
}
