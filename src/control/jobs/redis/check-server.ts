import type { Redis } from "ioredis";

/** A setting under which accepted jobs could be lost. */
export interface RedisProblem {
  setting: string;
  value: string;
  needed: string;
  why: string;
}

/**
 * What is wrong with the server's settings; empty when nothing is. The embedded server is ours, so a problem there is a
 * bug and refused; for an external one the caller warns. A server that hides CONFIG (managed Redis) tells nothing.
 */
export async function checkRedis(redis: Redis): Promise<RedisProblem[]> {
  const problems: RedisProblem[] = [];
  const check = async (setting: string, allowed: readonly string[], why: string) => {
    const value = await readSetting(redis, setting);
    if (value !== null && !allowed.includes(value)) problems.push({ setting, value, needed: allowed.join(" or "), why });
  };
  await check("maxmemory-policy", ["noeviction"], "redis would throw away job rows when its memory is full");
  await check("appendonly", ["yes"], "accepted jobs would be lost with the process");
  await check("appendfsync", ["always"], "jobs accepted in the last second would be lost with the machine's power");
  return problems;
}

async function readSetting(redis: Redis, setting: string): Promise<string | null> {
  try {
    const [, value] = (await redis.config("GET", setting)) as string[];
    return value ?? null;
  } catch (error) {
    if (error instanceof Error && /unknown command|NOPERM|disabled/i.test(error.message)) return null;
    throw error;
  }
}
