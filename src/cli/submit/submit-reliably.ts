import { randomUUID } from "node:crypto";
import { type Clock, isBerthError, type Job } from "../../shared/domain/index.ts";
import type { JobSpecInput } from "../../shared/wire/index.ts";
import type { ApiClient } from "../client/api-client.ts";

const RETRIES = 4;
const FIRST_PAUSE_MS = 250;

/**
 * Submits once, even if an answer is lost: the same Idempotency-Key goes with every try. A server that cannot be
 * reached at all is not waited for.
 */
export async function submitReliably(api: ApiClient, spec: JobSpecInput, clock: Clock): Promise<Job> {
  const key = randomUUID();
  for (let tries = 0; ; tries += 1) {
    try {
      return await api.submit(spec, key);
    } catch (error) {
      if (tries >= RETRIES || !mayHaveArrived(error)) throw error;
      await clock.sleep(FIRST_PAUSE_MS * 2 ** tries);
    }
  }
}

function mayHaveArrived(error: unknown): boolean {
  if (isBerthError(error, "redis_unavailable")) return true;
  const code = isBerthError(error, "control_plane_unavailable") ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  return code === "ECONNRESET" || code === "EPIPE";
}
