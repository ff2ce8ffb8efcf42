import type { Redis } from "ioredis";
import type { LeaderStore } from "../leader-store.ts";
import { KEYS } from "./keys.ts";
import { runScript, script } from "./redis-call.ts";
import { leaderAcquireLua, leaderDeposeLua, leaderReleaseLua, leaderStandingLua } from "./scripts/leader.lua.ts";

const ACQUIRE = script(leaderAcquireLua);
const STANDING = script(leaderStandingLua);
const DEPOSE = script(leaderDeposeLua);
const RELEASE = script(leaderReleaseLua);

/** The fence grows with each new holder; scripts that change rows compare it, so a leader that slept cannot write. */
export function createRedisLeaderStore(redis: Redis): LeaderStore {
  return {
    acquire: async (holder, ttlMs) => {
      const fence = Number(await runScript(redis, ACQUIRE, [KEYS.leader, KEYS.leaderFence, KEYS.leaderRenewals], [holder, ttlMs]));
      return fence === 0 ? null : fence;
    },
    standing: async () => String(await runScript(redis, STANDING, [KEYS.leader, KEYS.leaderRenewals], [])) || null,
    depose: async (standing) => void (await runScript(redis, DEPOSE, [KEYS.leader, KEYS.leaderRenewals], [standing])),
    release: async (holder) => void (await runScript(redis, RELEASE, [KEYS.leader], [holder])),
  };
}
