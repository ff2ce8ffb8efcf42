import type { Stores } from "../stores.ts";
import { createMemoryJobStore } from "./job-store.ts";
import { createMemoryNodeStore, createMemoryTokenStore } from "./node-store.ts";
import { createMemoryProjectStore } from "./project-store.ts";

/** The same ports in memory: for tests, the simulator and `berth plan`. */
export function createMemoryStores(): Stores {
  const jobs = createMemoryJobStore();
  return {
    jobs,
    nodes: createMemoryNodeStore(),
    tokens: createMemoryTokenStore(),
    projects: createMemoryProjectStore(),
    close: () => jobs.close(),
  };
}
