import { type Check, fail, ok, warn } from "../check.ts";
import type { MachineFacts } from "../machine-facts.ts";

/** The settings of a Redis that answers; nothing to say when none does. */
export function checkRedisSettings(facts: MachineFacts): Check[] {
  const redis = facts.redis;
  if (redis === null) return [];
  const title = "running Redis";
  const found = `${redis.version} at ${redis.address}: appendonly ${shown(redis.appendonly)}, appendfsync ${shown(redis.appendfsync)}, ${shown(redis.maxmemoryPolicy)}`;
  const set = (name: string, value: string) => `redis-cli config set ${name} ${value} && redis-cli config rewrite`;
  if (redis.lastWriteStatus !== null && redis.lastWriteStatus !== "ok") {
    return [
      fail("redis", title, found, "it cannot write its append-only file: jobs are refused", "free disk space, and see the server's log"),
    ];
  }
  if (redis.maxmemoryPolicy !== null && redis.maxmemoryPolicy !== "noeviction") {
    return [fail("redis", title, found, "it throws job rows away when its memory is full", set("maxmemory-policy", "noeviction"))];
  }
  if (redis.appendonly !== null && redis.appendonly !== "yes") {
    return [fail("redis", title, found, "accepted jobs are lost when it ends", set("appendonly", "yes"))];
  }
  if (redis.appendfsync !== null && redis.appendfsync !== "always") {
    return [
      warn("redis", title, found, "jobs accepted in the last second are lost when the machine loses power", set("appendfsync", "always")),
    ];
  }
  return [ok("redis", title, found)];
}

function shown(value: string | null): string {
  return value ?? "unknown";
}
