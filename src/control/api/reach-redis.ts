import { BerthError, type Clock, isBerthError, pause } from "../../shared/domain/index.ts";
import { type Logger, redactUrl } from "../../shared/observe/index.ts";
import { checkRedis, createRedisStores, type RedisAddress, type Stores } from "../jobs/index.ts";

const TRY_EVERY_MS = 1000;
/** Cannot be cut short, so it bounds how long stopping takes meanwhile. */
const ANSWER_MS = 2000;

/** "unix:///run/berth/redis.sock", "/run/berth/redis.sock", "redis://...", "rediss://...". @throws BerthError invalid_request */
export function parseRedisAddress(text: string): RedisAddress {
  if (text.startsWith("unix://")) return { unixPath: text.slice("unix://".length) };
  if (text.startsWith("/")) return { unixPath: text };
  if (/^rediss?:\/\//.test(text)) return { url: text };
  throw new BerthError(
    "invalid_request",
    `${JSON.stringify(redactUrl(text))} is not a Redis address; write redis://HOST:PORT, rediss://... or unix:///PATH`,
  );
}

/**
 * Waits as long as it takes for Redis to answer for the first time, and checks that it keeps what it is given: an own
 * (embedded) server with other settings is refused, anybody else's is warned about.
 * @throws BerthError missing_requirement
 */
export async function reachRedis(
  address: RedisAddress,
  embedded: boolean,
  logger: Logger,
  clock: Clock,
  signal: AbortSignal,
): Promise<Stores | null> {
  const where = "url" in address ? redactUrl(address.url) : address.unixPath;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const stores = await connect(address, logger).catch((error: unknown) => {
      if (!isBerthError(error, "redis_unavailable")) throw error;
      logger.warn({ redis: where, attempt }, "redis does not answer; waiting for it, no job is accepted meanwhile");
      return null;
    });
    if (stores) {
      await refuseForgetful(stores, embedded, logger);
      logger.info({ redis: where }, "redis answers");
      return stores;
    }
    await pause(clock, TRY_EVERY_MS, signal);
  }
  return null;
}

type Reached = Awaited<ReturnType<typeof createRedisStores>>;

function connect(address: RedisAddress, logger: Logger): Promise<Reached> {
  return createRedisStores({ address, readyTimeoutMs: ANSWER_MS, onError: (error) => logger.debug({ err: error }, "redis connection") });
}

async function refuseForgetful(stores: Reached, embedded: boolean, logger: Logger): Promise<void> {
  const problems = await checkRedis(stores.redis);
  for (const problem of problems) logger.warn(problem, "redis may lose jobs");
  const [first] = problems;
  if (!embedded || first === undefined) return;
  await stores.close();
  throw new BerthError("missing_requirement", `redis has ${first.setting} ${first.value}, but ${first.needed} is needed: ${first.why}`);
}
