import type { Stores } from "../stores.ts";
import type { RedisAddress } from "./connection.ts";

export interface RedisStoresOptions {
  address: RedisAddress;
  onError?: (error: Error) => void;
}

/**
 * Connects and returns the stores over Redis (standalone or Sentinel; database 0).
 * @throws BerthError redis_unavailable when Redis does not answer within `readyTimeoutMs` (10 s)
 */
export async function createRedisStores(_options: RedisStoresOptions): Promise<Stores> {
  throw new Error("not yet");
}
