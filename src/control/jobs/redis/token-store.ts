import type { Redis } from "ioredis";
import { randomSecret, sha256Hex } from "../credentials.ts";
import type { TokenStore } from "../node-store.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

export function createRedisTokenStore(redis: Redis): TokenStore {
  return {
    create: async (kind, ttlSeconds, now) => {
      const token = randomSecret(`berth-${kind}-`);
      const expiresAt = now + ttlSeconds * 1000;
      await redisCall(() => redis.set(KEYS.token(kind, sha256Hex(token)), String(expiresAt), "PX", ttlSeconds * 1000));
      return { token, expiresAt };
    },
    // The lookup is by digest: its timing tells nothing about any token.
    verify: async (kind, token, now) => {
      const expiresAt = await redisCall(() => redis.get(KEYS.token(kind, sha256Hex(token))));
      return expiresAt !== null && now < Number(expiresAt);
    },
  };
}
