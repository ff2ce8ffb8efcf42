import type { Redis } from "ioredis";
import type { ReservedWindow } from "../../scheduler/index.ts";
import type { ReservationStore } from "../reservation-store.ts";
import { KEYS } from "./keys.ts";
import { redisCall } from "./redis-call.ts";

/** One hash; `create` is HSETNX, so of two that take one name one is refused. */
export function createRedisReservationStore(redis: Redis): ReservationStore {
  return {
    list: async () => {
      const rows = await redisCall(() => redis.hvals(KEYS.reservations));
      return rows.map((row) => JSON.parse(row) as ReservedWindow).sort((left, right) => (left.name < right.name ? -1 : 1));
    },
    create: async (window) => (await redisCall(() => redis.hsetnx(KEYS.reservations, window.name, JSON.stringify(window)))) === 1,
    remove: async (name) => (await redisCall(() => redis.hdel(KEYS.reservations, name))) === 1,
  };
}
