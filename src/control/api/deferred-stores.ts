import { BerthError } from "../../shared/domain/index.ts";
import type { Stores } from "../jobs/index.ts";

/** Stores that can be handed out before Redis was ever reached: until `set`, every call is refused with redis_unavailable. */
export interface DeferredStores {
  stores: Stores;
  set(real: Stores): void;
}

/** Lets the API listen, and answer 503 with a reason, while Redis starts or is away. */
export function deferStores(): DeferredStores {
  const held: { real: Stores | null } = { real: null };
  return {
    stores: {
      jobs: room(held, "jobs"),
      arrays: room(held, "arrays"),
      nodes: room(held, "nodes"),
      tokens: room(held, "tokens"),
      leader: room(held, "leader"),
      projects: room(held, "projects"),
      reservations: room(held, "reservations"),
      blobs: room(held, "blobs"),
      close: async () => held.real?.close(),
    },
    set: (real) => {
      held.real = real;
    },
  };
}

type Room = "jobs" | "arrays" | "nodes" | "tokens" | "leader" | "projects" | "reservations" | "blobs";
type AsyncMethods = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** Every method of these ports is asynchronous, so a refusal is always a rejection. */
function room<R extends Room>(held: { real: Stores | null }, name: R): Stores[R] {
  const call =
    (method: string) =>
    async (...args: unknown[]) => {
      if (held.real === null) throw new BerthError("redis_unavailable", "redis has not been reached yet");
      const target = held.real[name] as unknown as AsyncMethods;
      return target[method]?.(...args);
    };
  // `then` must stay undefined: else the object would pass for a promise and await would call it.
  return new Proxy({} as Stores[R], {
    get: (_target, method) => (typeof method === "string" && method !== "then" ? call(method) : undefined),
  });
}
