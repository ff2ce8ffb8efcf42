import { Redis } from "ioredis";

export type QueueAddress = { unixPath: string } | { url: string };

/** The truth lives in database 0; nothing here can touch it, and flushing this one loses only hints. */
const DATABASE = 1;

/** For a connection that waits for work (a BullMQ worker, a subscriber): it waits for Redis too, for ever. */
export function waitingConnection(address: QueueAddress): Redis {
  return connect(address, { maxRetriesPerRequest: null });
}

/** For sending hints: while Redis is away they are refused at once, not heaped up. */
export function sendingConnection(address: QueueAddress): Redis {
  return connect(address, { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 5000 });
}

function connect(
  address: QueueAddress,
  options: { maxRetriesPerRequest: number | null; enableOfflineQueue?: boolean; commandTimeout?: number },
): Redis {
  const always = { ...options, retryStrategy: (times: number) => Math.min(times * 50, 1000) };
  if ("unixPath" in address) return new Redis({ path: address.unixPath, db: DATABASE, ...always });
  const url = new URL(address.url);
  url.pathname = `/${DATABASE}`;
  return new Redis(url.href, always);
}
