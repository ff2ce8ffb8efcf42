import { expect, it } from "vitest";
import { createThrottle } from "../../../src/node/images/scrub/throttle.ts";
import type { Clock } from "../../../src/shared/domain/index.ts";

/** Time that passes only where somebody sleeps. */
function sleepClock() {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    async sleep(milliseconds) {
      now += milliseconds;
    },
  };
  return { clock, now: () => now };
}

it("a throttle spreads what goes through over the time that its rate asks for", async () => {
  const { clock, now } = sleepClock();
  const throttle = createThrottle(1000, clock);
  for (let index = 0; index < 50; index++) await throttle.take(100, new AbortController().signal);
  expect(now()).toBe(5000);
});

it("a throttle without a rate never waits", async () => {
  const { clock, now } = sleepClock();
  await createThrottle(null, clock).take(1e12, new AbortController().signal);
  expect(now()).toBe(0);
});
