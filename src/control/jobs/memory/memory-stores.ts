import type { Stores } from "../stores.ts";

/** The same ports in memory: for tests, the simulator and `berth plan`. */
export function createMemoryStores(): Stores {
  throw new Error("not yet");
}
