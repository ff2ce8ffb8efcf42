import { Redis } from "ioredis";
import { BerthError } from "../../../shared/domain/index.ts";

/** A unix socket path (embedded), or redis:// or rediss:// (TLS) with user and password in it. */
export type RedisAddress = { unixPath: string } | { url: string };

const COMMAND_TIMEOUT_MS = 5000;
const LONGEST_RETRY_MS = 1000;

/**
 * A connection that comes back for ever, and whose commands fail at once while it is away: a caller gets
 * redis_unavailable (503) and may retry, instead of hanging. Wrap calls in `redisCall`.
 */
export function connectRedis(address: RedisAddress, onError: (error: Error) => void = () => {}): Redis {
  const options = {
    enableOfflineQueue: false,
    // A command that was sent but not answered when the connection broke is refused, not sent again: it may have
    // been carried out, and only the caller knows whether repeating it is harmless.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (times: number) => Math.min(times * 50, LONGEST_RETRY_MS),
  };
  const redis = "unixPath" in address ? new Redis({ path: address.unixPath, ...options }) : new Redis(address.url, options);
  redis.on("error", onError);
  return redis;
}

/** Resolves when the connection is usable. @throws BerthError redis_unavailable after `timeoutMs` */
export async function redisReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off("ready", ready);
      reject(new BerthError("redis_unavailable", `redis did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const ready = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once("ready", ready);
  });
}
