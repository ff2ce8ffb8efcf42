import type { Redis } from "ioredis";
import type { LeaderStore } from "../leader-store.ts";
import { KEYS } from "./keys.ts";
import { runScript, script } from "./redis-call.ts";
import { leaderAcquireLua, leaderReleaseLua } from "./scripts/leader.lua.ts";

const ACQUIRE = script(leaderAcquireLua);
const RELEASE = script(leaderReleaseLua);

export function createRedisLeaderStore(redis: Redis): LeaderStore {
  return {
    acquire: async (holder, ttlMs) => {
      const fence = Number(await runScript(redis, ACQUIRE, [KEYS.leader, KEYS.leaderFence], [holder, ttlMs]));
      return fence === 0 ? null : fence;
    },
    release: async (holder) => void (await runScript(redis, RELEASE, [KEYS.leader], [holder])),
  };
}
