import type { LeaderStore } from "../leader-store.ts";

/** `fence` is shared with the job store, which checks it. */
export function createMemoryLeaderStore(fence: { last: number }): LeaderStore {
  let lease: { holder: string; until: number } | null = null;
  let renewals = 0;
  const standing = () => (lease === null || performance.now() >= lease.until ? null : `${lease.holder} ${renewals}`);
  return {
    acquire: async (holder, ttlMs) => {
      const now = performance.now();
      if (lease !== null && now < lease.until && lease.holder !== holder) return null;
      if (lease === null || now >= lease.until) fence.last += 1;
      lease = { holder, until: now + ttlMs };
      renewals += 1;
      return fence.last;
    },
    standing: async () => standing(),
    depose: async (stood) => {
      if (standing() === stood) lease = null;
    },
    release: async (holder) => {
      if (lease?.holder === holder) lease = null;
    },
  };
}
