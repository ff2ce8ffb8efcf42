import { expect, test } from "vitest";
import { createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";

const T = 1_700_000_000_000;
const MINUTE = 60_000;

test("a control plane that leads again goes on from the usage that was saved while another led", async () => {
  const { jobs, nodes, projects } = createMemoryStores();
  await projects.put({
    name: "vision",
    weight: 1,
    parent: null,
    quotaGpus: 0,
    limits: { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null },
  });
  let now = T;
  let fence = 1;
  const clock = { ...systemClock(), now: () => now, monotonic: () => now };
  const leader = { fence: () => fence };
  const loop = createScheduleLoop({ store: jobs, nodes, projects, decide, leader, queues: { nudgeNode: async () => {} }, clock });
  await loop.pass();
  now += 60 * MINUTE;
  await projects.saveUsages(new Map([["vision", { value: 1000, at: now }]]));
  fence = 3;
  await loop.pass();
  now += 2 * MINUTE;
  await loop.pass();
  expect((await projects.usages()).get("vision")?.value).toBeGreaterThan(900);
});
