import type { Redis } from "ioredis";
import type { ProjectSettings, ProjectStore, StoredUsage } from "../project-store.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

/**
 * Settings and usages in two hashes: the leader writes usages every minute, and must not undo what an operator sets.
 */
export function createRedisProjectStore(redis: Redis): ProjectStore {
  return {
    list: async () => {
      const rows = await redisCall(() => redis.hvals(KEYS.projects));
      return rows.map((row) => JSON.parse(row) as ProjectSettings).sort((left, right) => (left.name < right.name ? -1 : 1));
    },
    put: async (settings) => {
      await redisCall(() => redis.hset(KEYS.projects, settings.name, JSON.stringify(settings)));
    },
    remove: async (name) => (await redisCall(() => redis.hdel(KEYS.projects, name))) === 1,
    usages: async () => {
      const rows = await redisCall(() => redis.hgetall(KEYS.projectUsage));
      return new Map(Object.entries(rows).map(([name, row]) => [name, JSON.parse(row) as StoredUsage]));
    },
    saveUsages: async (usages) => {
      if (usages.size === 0) return;
      const rows = Object.fromEntries([...usages].map(([name, usage]) => [name, JSON.stringify(usage)]));
      await redisCall(() => redis.hset(KEYS.projectUsage, rows));
    },
    forgetUsages: async (names) => {
      if (names.length > 0) await redisCall(() => redis.hdel(KEYS.projectUsage, ...names));
    },
  };
}
