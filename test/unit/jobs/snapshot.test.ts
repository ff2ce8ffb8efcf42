import { expect, test } from "vitest";
import { createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { type ClusterSnapshot, decide } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { specOf } from "../../support/control-samples.ts";

test("a job with a time limit counts as running until its grace is over too, so that backfill delays nobody by a slow stop", async () => {
  const stores = createMemoryStores();
  const seen: ClusterSnapshot[] = [];
  const watching = (snapshot: ClusterSnapshot, now: number) => {
    seen.push(snapshot);
    return decide(snapshot, now);
  };
  const queues = { nudgeNode: async () => {} };
  const loop = createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide: watching, queues, clock: systemClock() });
  await stores.jobs.submit({ spec: specOf({ timeLimitSeconds: 600, stopGraceSeconds: 45 }), user: "ada", idempotencyKey: null }, 1);
  await loop.pass();
  expect(seen[0]?.pending).toMatchObject([{ timeLimitMs: 645_000, stopGraceMs: 45_000 }]);
});
