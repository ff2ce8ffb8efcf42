import { createMemoryStores, createRedisStores, type RedisStores, type Stores } from "../../src/control/jobs/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

export interface StoreAdapter {
  name: string;
  /** Empty stores; over Redis, opening again empties the ones before. */
  open: () => Promise<Stores>;
  close: () => Promise<void>;
}

/** Everything that claims to be the control plane's stores. */
export function storeAdapters(): StoreAdapter[] {
  return [memoryAdapter(), redisAdapter()];
}

function memoryAdapter() {
  return { name: "memory", open: async () => createMemoryStores(), close: async () => {} };
}

function redisAdapter() {
  let server: TestRedis;
  const opened: RedisStores[] = [];
  return {
    name: "redis",
    open: async () => {
      server ??= await startRedis();
      const stores = await createRedisStores({ address: { unixPath: server.socketPath } });
      opened.push(stores);
      await stores.redis.flushall();
      return stores;
    },
    close: async () => {
      for (const stores of opened) await stores.close();
      await server.stop();
    },
  };
}
