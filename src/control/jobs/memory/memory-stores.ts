import type { Stores } from "../stores.ts";
import { createMemoryArrayStore } from "./array-store.ts";
import { createMemoryBlobDirectory } from "./blob-directory.ts";
import { createMemoryJobStore, emptyMemory } from "./job-store.ts";
import { createMemoryLeaderStore } from "./leader-store.ts";
import { createMemoryNodeStore, createMemoryTokenStore } from "./node-store.ts";
import { createMemoryProjectStore } from "./project-store.ts";
import { createMemoryReservationStore } from "./reservation-store.ts";

/** The same ports in memory: for tests, the simulator and `berth plan`. */
export function createMemoryStores(): Stores {
  const fence = { last: 0 };
  const memory = emptyMemory();
  const jobs = createMemoryJobStore(fence, memory);
  return {
    jobs,
    arrays: createMemoryArrayStore(fence, memory),
    nodes: createMemoryNodeStore(),
    tokens: createMemoryTokenStore(),
    leader: createMemoryLeaderStore(fence),
    projects: createMemoryProjectStore(),
    reservations: createMemoryReservationStore(),
    blobs: createMemoryBlobDirectory(),
    close: () => jobs.close(),
  };
}
