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
    const bug = error instanceof ReplyError && !refusals(error).some((text) => NOT_NOW.test(text));
    throw new BerthError(bug ? "internal" : "redis_unavailable", `redis: ${errorText(error)}`, { cause: error });
  }
}

/** A transaction is refused as a whole (EXECABORT): why, its commands were told before. */
function refusals(error: unknown): string[] {
  const { previousErrors = [] } = error as { previousErrors?: readonly Error[] };
  return [error, ...previousErrors].map(errorText);
}

export interface Script {
  body: string;
  sha1: string;
}

/** With the hash by which Redis knows it (EVALSHA); nothing is sent yet. */
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

/** What one call of a script takes. All calls of a batch have as many of each. */
export interface ScriptCall {
  keys: readonly string[];
  args: readonly (string | number)[];
}

/**
 * The script for many calls in one: each is carried out or refused by itself, all together are written and synced to disk
 * once. `earlier` is a number that lives through the batch and starts at 0, for what its calls must tell each other.
 */
export function batchScript(body: string): Script {
  return script(`
local earlier = 0
local function once(KEYS, ARGV)
${body}
end
local keys, args, replies = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for call = 0, #KEYS / keys - 1 do
  local given = {}
  for index = 1, args do given[index] = ARGV[2 + call * args + index] end
  local owned = {}
  for index = 1, keys do owned[index] = KEYS[call * keys + index] end
  replies[call + 1] = once(owned, given)
end
return replies
`);
}

/** The reply of each call, in order. */
export async function runBatch(redis: Redis, batch: Script, calls: readonly ScriptCall[]): Promise<unknown[]> {
  const [first] = calls;
  if (first === undefined) return [];
  const sizes = [first.keys.length, first.args.length];
  const keys = calls.flatMap((call) => call.keys);
  return (await runScript(redis, batch, keys, [...sizes, ...calls.flatMap((call) => call.args)])) as unknown[];
}
