import { expect, test } from "vitest";
import { backoffMs } from "../../../src/node/agent/backoff.ts";
import { createSyncLoop, type SyncLoop } from "../../../src/node/agent/sync-loop.ts";
import type { Clock } from "../../../src/shared/domain/index.ts";

/** A clock on which nothing passes until the sleeper is cut: every sleep is written down. */
function stoppedClock(): Clock & { sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => 0,
    monotonic: () => 0,
    sleep(milliseconds, signal) {
      sleeps.push(milliseconds);
      return new Promise((_resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
  };
}

interface Bench {
  loop: SyncLoop;
  clock: ReturnType<typeof stoppedClock>;
  syncs: number;
  fail: boolean;
  during: () => void;
  finish(): Promise<void>;
}

function bench(): Bench {
  const clock = stoppedClock();
  const abort = new AbortController();
  const self: Bench = { clock, syncs: 0, fail: false, during: () => {}, loop: undefined as unknown as SyncLoop, finish: async () => {} };
  self.loop = createSyncLoop({
    clock,
    random: () => 1,
    onFailure: () => {},
    onRecovery: () => {},
    async sync() {
      self.syncs += 1;
      self.during();
      if (self.fail) throw new Error("unreachable");
      return 3_000;
    },
  });
  const done = self.loop.run(abort.signal);
  self.finish = async () => {
    abort.abort();
    await done;
  };
  return self;
}

/** Lets everything that is due run. */
const settle = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

test("waits the interval that the control plane names", async () => {
  const it = bench();
  await settle();
  expect([it.syncs, it.clock.sleeps]).toEqual([1, [3_000]]);
  await it.finish();
});

test("any number of changes during a sync bring exactly one more", async () => {
  const it = bench();
  it.during = () => {
    if (it.syncs === 2) for (let change = 0; change < 5; change += 1) it.loop.poke("change");
  };
  await settle();
  it.loop.poke("change");
  await settle();
  expect(it.syncs).toBe(3);
  await it.finish();
});

test("backs off while unreachable, which changes respect and a wake line does not", async () => {
  const it = bench();
  it.fail = true;
  it.loop.poke("change");
  await settle();
  expect(it.clock.sleeps).toEqual([500]);
  it.loop.poke("change");
  await settle();
  expect(it.syncs).toBe(2);
  it.fail = false;
  it.loop.poke("wake");
  await settle();
  expect([it.syncs, it.clock.sleeps.at(-1)]).toEqual([3, 3_000]);
  await it.finish();
});

test("the backoff doubles up to its limit, half of it random", () => {
  expect([0, 1, 2, 3, 10].map((failures) => backoffMs(failures, 500, 10_000, () => 1))).toEqual([0, 500, 1_000, 2_000, 10_000]);
  expect(backoffMs(3, 500, 10_000, () => 0)).toBe(1_000);
});
