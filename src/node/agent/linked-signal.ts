/** A signal that aborts with its parent, or by itself. */
export interface LinkedSignal {
  signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Lets go of the parent; call it when the work is over. */
  unlink(): void;
}

/**
 * AbortSignal.any for a parent that lives as long as the process: there `any` leaves an entry behind for every call
 * (nodejs/node#54614), and this process calls it for every sync.
 */
export function linkSignal(parent: AbortSignal): LinkedSignal {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => parent.removeEventListener("abort", follow),
  };
}

/** Runs `work` with a signal that aborts with `parent`, or with `late` after `milliseconds`. */
export async function withTimeLimit<T>(
  parent: AbortSignal,
  milliseconds: number,
  late: Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const linked = linkSignal(parent);
  const timer = setTimeout(() => linked.abort(late), milliseconds);
  try {
    return await work(linked.signal);
  } finally {
    clearTimeout(timer);
    linked.unlink();
  }
}
