import { setTimeout as delay } from "node:timers/promises";

/** Asks until `probe` gives something truthy; fails with `what` after `seconds`. The bound is generous: it only ends a broken run. */
export async function until<T>(what: string, seconds: number, probe: () => Promise<T> | T): Promise<NonNullable<T>> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await probe();
      if (found) return found as NonNullable<T>;
      last = found;
    } catch (error) {
      last = error;
    }
    await delay(50);
  }
  throw new Error(`waited ${seconds} s in vain for ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
}
