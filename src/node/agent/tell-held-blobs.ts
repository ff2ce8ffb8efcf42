import { type Clock, pause } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { ImageStore } from "../images/index.ts";

interface Port {
  images: Pick<ImageStore, "list">;
  tell(held: readonly string[], signal: AbortSignal): Promise<void>;
  clock: Clock;
  log: Logger;
}

/** The control plane forgets what it is not told for an hour. */
const EVERY_MS = 20 * 60_000;
/** What is built or loaded here is no pull: it is noticed by looking. */
const LOOK_MS = 60_000;
const AT_ONCE = 1000;
/** Far more than a node's images have; what is beyond is fetched from elsewhere. */
const MOST = 10_000;

/** Tells the control plane, now and again and again, which blobs of images this node has. What a pull brings is told by the pull. */
export async function keepTelling(port: Port, signal: AbortSignal): Promise<void> {
  const told = new Map<string, number>();
  while (!signal.aborted) {
    await tellNew(port, told, signal).catch((error: unknown) => {
      if (!signal.aborted) port.log.info({ err: error }, "cannot tell which blobs are here");
    });
    await pause(port.clock, LOOK_MS, signal);
  }
}

async function tellNew({ images, tell, clock }: Port, told: Map<string, number>, signal: AbortSignal): Promise<void> {
  const all = await images.list();
  const here = new Set(all.flatMap(({ layers, configDigest }) => [...layers.map(({ digest }) => digest), configDigest]));
  for (const digest of told.keys()) if (!here.has(digest)) told.delete(digest);
  const now = clock.monotonic();
  const due = [...here].slice(0, MOST).filter((digest) => now - (told.get(digest) ?? Number.NEGATIVE_INFINITY) >= EVERY_MS);
  for (let at = 0; at < due.length; at += AT_ONCE) {
    const part = due.slice(at, at + AT_ONCE);
    await tell(part, signal);
    for (const digest of part) told.set(digest, now);
  }
}
