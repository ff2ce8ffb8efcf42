/** One row of a bench table. Times and sizes are medians; `ratio` is ours / peer, below 1 is better than the peer. */
export interface Row {
  name: string;
  ours: number;
  peer: number | null;
  /** What the peer's figure is a figure of. */
  peerName: string | null;
  /** The bound that the project set itself; null where it set none. */
  limit: number | null;
  ratio: number | null;
  unit: string;
  n: number;
}

export interface Samples {
  median: number;
  min: number;
  n: number;
}

/**
 * Runs each contender once a round, in turn, so that a busy moment of the machine hits all of them alike.
 * The first round warms caches and is thrown away. `prepare` runs before each, not timed. Returns milliseconds.
 */
export async function interleaved(
  rounds: number,
  contenders: Record<string, () => Promise<void>>,
  prepare: (name: string) => Promise<void> = async () => undefined,
): Promise<Record<string, Samples>> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, run] of Object.entries(contenders)) {
      await prepare(name);
      const started = performance.now();
      await run();
      if (round > 0) times[name]?.push(performance.now() - started);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, summarise(values)]));
}

export function summarise(values: number[]): Samples {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { median: median ?? Number.NaN, min: sorted[0] ?? Number.NaN, n: sorted.length };
}

export function row(name: string, ours: number, peer: { name: string; value: number } | null, unit: string, n: number): Row {
  const round = (value: number) => Math.round(value * 100) / 100;
  return {
    name,
    ours: round(ours),
    peer: peer ? round(peer.value) : null,
    peerName: peer?.name ?? null,
    limit: null,
    ratio: peer ? round(ours / peer.value) : null,
    unit,
    n,
  };
}
