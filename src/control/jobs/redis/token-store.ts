import type { Redis } from "ioredis";
import { randomSecret, sha256Hex } from "../credentials.ts";
import type { TokenKind, TokenStore } from "../node-store.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

/**
 * Keys are digests that Redis drops at the token's end; `claimJoin` is SET NX, so of two nodes with one token one is
 * refused.
 */
export function createRedisTokenStore(redis: Redis): TokenStore {
  return {
    create: async (kind, ttlSeconds, now) => {
      const token = randomSecret(`berth-${kind}-`);
      const expiresAt = now + ttlSeconds * 1000;
      await redisCall(() => redis.set(KEYS.token(kind, sha256Hex(token)), String(expiresAt), "PX", ttlSeconds * 1000));
      return { token, expiresAt };
    },
    // The lookup is by digest: its timing tells nothing about any token.
    verify: async (kind, token, now) => now < (await endOf(redis, kind, token)),
    claimJoin: async (token, name, now) => {
      const left = Math.ceil((await endOf(redis, "join", token)) - now);
      if (left <= 0) return "unknown";
      const key = KEYS.token("join-used-by", sha256Hex(token));
      if ((await redisCall(() => redis.set(key, name, "PX", left, "NX"))) === "OK") return "ok";
      return (await redisCall(() => redis.get(key))) === name ? "ok" : "used";
    },
  };
}

async function endOf(redis: Redis, kind: TokenKind, token: string): Promise<number> {
  return Number((await redisCall(() => redis.get(KEYS.token(kind, sha256Hex(token))))) ?? 0);
}
