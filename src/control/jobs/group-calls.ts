/**
 * Sends items in groups: those that come while a group is under way, or in the same turn, travel together in the next. So a
 * hundred callers wait for two round trips (and two syncs of the disk), and one caller waits for nobody.
 * `send` answers each item in its place; when it rejects, every item of the group is rejected.
 */
export function groupCalls<Item, Result>(most: number, send: (items: Item[]) => Promise<Result[]>): (item: Item) => Promise<Result> {
  const waiting: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  let running = false;
  const drain = async () => {
    while (waiting.length > 0) {
      const group = waiting.splice(0, most);
      try {
        const results = await send(group.map(({ item }) => item));
        group.forEach(({ resolve }, place) => void resolve(results[place] as Result));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    running = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (running) return;
      running = true;
      queueMicrotask(() => void drain());
    });
}
