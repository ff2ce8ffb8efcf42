/**
 * Sends hints one batch at a time: those that come while a batch is under way go together in the next. So any number of
 * hints costs at most a few sends, and one that comes after a send began is never swallowed by it.
 * `send` must not reject.
 */
export function coalesce(send: (hints: string[]) => Promise<void>): (hint: string) => Promise<void> {
  let waiting = new Set<string>();
  let running: Promise<void> | null = null;
  const drain = async () => {
    while (waiting.size > 0) {
      const batch = [...waiting];
      waiting = new Set();
      await send(batch);
    }
    running = null;
  };
  return (hint) => {
    waiting.add(hint);
    running ??= Promise.resolve().then(drain);
    return running;
  };
}
