import type { Ask } from "./room.ts";

export interface TypicalAsk {
  ask: Ask;
  /** Share of the jobs that look like this; all together 1. */
  weight: number;
}

const COVERED = 0.95;

/**
 * The requests that make up 95 % of `history`, with their weights (FGD, ATC'23, section 4.2): what a node's leftovers must
 * be useful for. Memory is left out: it rarely decides. Empty for an empty history.
 */
export function typicalAsks(history: readonly Ask[]): TypicalAsk[] {
  const kept: Counted[] = [];
  let covered = 0;
  for (const entry of countKinds(history).sort(byCount)) {
    if (covered >= COVERED * history.length) break;
    kept.push(entry);
    covered += entry.count;
  }
  return kept.map(({ ask, count }) => ({ ask, weight: count / covered }));
}

/** Every kind of request in `history`, with its weight. */
export function expectedAsks(history: readonly Ask[]): TypicalAsk[] {
  return countKinds(history).map(({ ask, count }) => ({ ask, weight: count / history.length }));
}

interface Counted {
  ask: Ask;
  count: number;
}

function countKinds(history: readonly Ask[]): Counted[] {
  const counts = new Map<string, Counted>();
  for (const ask of history) {
    const key = askKey(ask);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { ask: { ...ask, memoryBytes: 0 }, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()];
}

function byCount(left: Counted, right: Counted): number {
  return (
    right.count - left.count ||
    right.ask.cpuMillis - left.ask.cpuMillis ||
    right.ask.gpuMillis - left.ask.gpuMillis ||
    right.ask.gpus - left.ask.gpus ||
    (askKey(left.ask) < askKey(right.ask) ? 1 : -1)
  );
}

function askKey({ cpuMillis, gpus, gpuMillis, gpuModels }: Ask): string {
  return `${cpuMillis} ${gpus} ${gpuMillis} ${gpuModels === null ? "" : [...gpuModels].sort().join("|")}`;
}
