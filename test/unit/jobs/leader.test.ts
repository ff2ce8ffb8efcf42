import { expect, test } from "vitest";
import { createLeader } from "../../../src/control/jobs/index.ts";
import type { LeaderStore } from "../../../src/control/jobs/leader-store.ts";
import type { Clock } from "../../../src/shared/domain/index.ts";
import { createSimClock } from "./simulation/sim-clock.ts";

/** What the project promises. */
const TAKE_OVER_MS = 5_000;

/** One lease whose end is told by `now`, as Redis tells it by its own clock. */
function leaseStore(now: () => number): LeaderStore {
  let lease: { holder: string; until: number } | null = null;
  let fence = 0;
  let renewals = 0;
  const stands = () => lease !== null && now() < lease.until;
  const standing = () => (stands() ? `${lease?.holder} ${renewals}` : null);
  return {
    acquire: async (holder, ttlMs) => {
      if (stands() && lease?.holder !== holder) return null;
      if (!stands()) fence += 1;
      lease = { holder, until: now() + ttlMs };
      renewals += 1;
      return fence;
    },
    standing: async () => standing(),
    depose: async (stood) => {
      if (standing() === stood) lease = null;
    },
    release: async (holder) => {
      if (lease?.holder === holder) lease = null;
    },
  };
}

test.each([
  ["dies", 0],
  ["dies as the clock of Redis' host steps back by an hour", -3_600_000],
])("a leader that %s is followed within five seconds, whenever it was", async (_how, step) => {
  for (let deathMs = 10_000; deathMs < 10_600; deathMs += 40) {
    const room = createSimClock();
    const clock: Clock = { now: room.time, monotonic: room.time, sleep: room.sleep };
    const advanceTo = async (time: number) => {
      // What has just begun gets as far as its first sleep.
      await new Promise((resolve) => setImmediate(resolve));
      room.after(time - room.time(), () => {});
      await room.runUntil(time, () => false);
    };
    let stepped = 0;
    const store = leaseStore(() => clock.monotonic() + stepped);
    const [dies, stop] = [new AbortController(), new AbortController()];
    // A dead process lets go of nothing.
    const leader = (holder: string, mine: LeaderStore) => createLeader({ store: mine, holder, clock, onChange: () => {} });
    const first = leader("first", { ...store, release: async () => {} });
    const second = leader("second", store);
    // Its tries fall at every moment between those of the first.
    const later = room.sleep((deathMs * 7) % 500).then(() => second.run(stop.signal));
    const running = [first.run(dies.signal), later];
    await advanceTo(deathMs);
    expect([first.fence(), second.fence()]).toEqual([1, null]);
    dies.abort();
    stepped = step;
    await advanceTo(deathMs + TAKE_OVER_MS);
    expect([first.fence(), second.fence()]).toEqual([null, 2]);
    stop.abort();
    await advanceTo(deathMs + TAKE_OVER_MS + 1_000);
    await Promise.all(running);
  }
});
