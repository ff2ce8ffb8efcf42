import { existsSync } from "node:fs";
import type { RedisFacts } from "../../node/platform/index.ts";

const TIMEOUT_MS = 2_000;

/** Version and settings of a Redis at a URL or a socket's path; null when none answers there. */
export async function readRedis(address: string): Promise<RedisFacts | null> {
  const path = address.startsWith("unix://") ? address.slice("unix://".length) : address;
  if (path.startsWith("/") && !existsSync(path)) return null;
  const { Redis } = await import("ioredis");
  const options = {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
  };
  const redis = path.startsWith("/") ? new Redis({ path, ...options }) : new Redis(path, options);
  // Without a listener ioredis prints connection errors itself; they arrive as rejections too.
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    const info = await redis.info();
    const setting = async (name: string) => ((await redis.config("GET", name).catch(() => [])) as string[])[1] ?? null;
    return {
      address: withoutPassword(address),
      version: field(info, "redis_version") ?? "unknown",
      appendonly: await setting("appendonly"),
      appendfsync: await setting("appendfsync"),
      maxmemoryPolicy: await setting("maxmemory-policy"),
      lastWriteStatus: field(info, "aof_last_write_status"),
    };
  } catch {
    // Unreachable is an answer: `berth up` may simply not run.
    return null;
  } finally {
    redis.disconnect();
  }
}

function field(info: string, name: string): string | null {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? null;
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//");
}
