import { expect, test } from "vitest";
import { createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { decide, type PlacementKinds } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

/** The nodes that two jobs of one GPU are put on, of two nodes of two GPUs each. */
async function placesOfTwo(placement?: PlacementKinds) {
  const stores = createMemoryStores();
  const clock = systemClock();
  const now = clock.now();
  for (const nodeId of ["a", "b"]) {
    await stores.nodes.join(nodeId, now);
    const facts = factsOf(nodeId, 2);
    await stores.nodes.recordSync({ nodeId, incarnation: "i", bootId: "b", sentAt: 1, address: "10.0.0.1", facts }, now);
  }
  for (const name of ["one", "two"])
    await stores.jobs.submit({ spec: specOf({ name, resources: { gpus: 1 } }), user: "ada", idempotencyKey: null }, now);
  const policy = placement === undefined ? {} : { placement };
  const queues = { nudgeNode: async () => {} };
  const loop = createScheduleLoop({ store: stores.jobs, nodes: stores.nodes, decide, queues, clock, ...policy });
  const { placed } = await loop.pass();
  return placed.flatMap(({ attempt }) => attempt?.assignments.map(({ nodeId }) => nodeId)).sort();
}

test("the loop packs two jobs on one node, and spreads them where the operator says so", async () => {
  expect(new Set(await placesOfTwo())).toHaveProperty("size", 1);
  expect(await placesOfTwo({ kind: "spread" })).toEqual(["a", "b"]);
});
