import { createHash } from "node:crypto";
import { type Redis, ReplyError } from "ioredis";
import { BerthError, errorText } from "../../../shared/domain/index.ts";

/** Replies with which a live server says that it cannot serve now (disk full, memory full, loading, replica, stuck script). */
const NOT_NOW = /^(MISCONF|OOM|LOADING|READONLY|BUSY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|NOAUTH|WRONGPASS)/;

/**
 * Runs Redis commands and gives their failures the catalogue's names.
 * @throws BerthError redis_unavailable when the server was not reached or refused for now; internal for a bug of ours
 */
export async function redisCall<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BerthError) throw error;
    const bug = error instanceof ReplyError && !NOT_NOW.test(errorText(error));
    throw new BerthError(bug ? "internal" : "redis_unavailable", `redis: ${errorText(error)}`, { cause: error });
  }
}

export interface Script {
  body: string;
  sha1: string;
}

export function script(body: string): Script {
  return { body, sha1: createHash("sha1").update(body).digest("hex") };
}

/** Runs a script by its hash, sending the body only when the server does not know it (first use, or after its restart). */
export function runScript(
  redis: Redis,
  { body, sha1 }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  return redisCall(async () => {
    try {
      return await redis.evalsha(sha1, keys.length, ...keys, ...args);
    } catch (error) {
      if (!errorText(error).startsWith("NOSCRIPT")) throw error;
      return redis.eval(body, keys.length, ...keys, ...args);
    }
  });
}
