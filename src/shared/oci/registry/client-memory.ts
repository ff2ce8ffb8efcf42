import { createHash } from "node:crypto";
import type { Clock } from "../../domain/index.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Long enough for the jobs of one submit; short enough that a changed login or a moved registry is soon noticed. */
const LIFETIME_MS = 60_000;
const MAX_CLIENTS = 64;

/** Gives the client that was made for the same key a moment ago: it knows the scheme, the challenge and the token already. */
export type ClientMemory = (key: readonly unknown[], make: () => RegistryClient) => RegistryClient;

/** Keeps at most 64 clients, a minute each; `key` is all that makes clients differ, credentials among it. */
export function createClientMemory(clock: Clock): ClientMemory {
  const kept = new Map<string, { client: RegistryClient; until: number }>();
  return (key, make) => {
    const now = clock.monotonic();
    for (const [name, { until }] of kept) if (until <= now || kept.size >= MAX_CLIENTS) kept.delete(name);
    // Hashed, as it holds passwords.
    const name = createHash("sha256").update(JSON.stringify(key)).digest("hex");
    const known = kept.get(name) ?? { client: make(), until: now + LIFETIME_MS };
    kept.set(name, known);
    return known.client;
  };
}
