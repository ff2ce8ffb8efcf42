/**
 * Flushes for many at once: all that ask while one flush runs share the next, as that one may have begun before their bytes
 * were written. The layers of an image are unpacked faster than a disk flushes them one by one.
 * @returns resolves when all that was written before the call is on disk
 */
export function createSharedFlush(flush: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = null;
        running = flush();
        return running;
      });
    return next;
  };
}
