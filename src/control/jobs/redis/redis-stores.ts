import type { Redis } from "ioredis";
import type { Stores } from "../stores.ts";
import { createRedisArrayStore } from "./array-store.ts";
import { createRedisBlobDirectory } from "./blob-directory.ts";
import { listenForChanges } from "./change-listener.ts";
import { connectRedis, type RedisAddress, redisReady } from "./connection.ts";
import { createJobRows } from "./job-rows.ts";
import { createRedisJobStore } from "./job-store.ts";
import { KEYS } from "./keys.ts";
import { createRedisLeaderStore } from "./leader-store.ts";
import { createRedisNodeStore } from "./node-store.ts";
import { createRedisProjectStore } from "./project-store.ts";
import { createRedisReservationStore } from "./reservation-store.ts";
import { createRedisTokenStore } from "./token-store.ts";

export interface RedisStoresOptions {
  address: RedisAddress;
  /** Connection errors, for the log; the connection comes back by itself. */
  onError?: (error: Error) => void;
  /** How long Redis may take to answer first. Default 10 s. */
  readyTimeoutMs?: number;
}

/** The stores over Redis, and the connection for `checkRedis` and the readiness check. */
export interface RedisStores extends Stores {
  redis: Redis;
}

/**
 * Connects and returns the stores over Redis (standalone or Sentinel; database 0).
 * @throws BerthError redis_unavailable when Redis does not answer in time
 */
export async function createRedisStores({ address, onError, readyTimeoutMs = 10_000 }: RedisStoresOptions): Promise<RedisStores> {
  const redis = connectRedis(address, onError);
  const subscriber = connectRedis(address, onError);
  const rows = createJobRows(redis);
  const jobs = createRedisJobStore(redis, rows, listenForChanges(subscriber, KEYS.changedChannel));
  const close = async () => {
    await jobs.close();
    redis.disconnect();
  };
  try {
    await redisReady(redis, readyTimeoutMs);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    redis,
    jobs,
    arrays: createRedisArrayStore(redis, rows),
    nodes: createRedisNodeStore(redis),
    tokens: createRedisTokenStore(redis),
    leader: createRedisLeaderStore(redis),
    projects: createRedisProjectStore(redis),
    reservations: createRedisReservationStore(redis),
    blobs: createRedisBlobDirectory(redis),
    close,
  };
}
