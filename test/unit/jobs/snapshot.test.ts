import { expect, test } from "vitest";
import { createMemoryStores, createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { pendingJob } from "../../../src/control/jobs/snapshot-of.ts";
import { nodeBlocker } from "../../../src/control/scheduler/feasible/node-blocker.ts";
import { type ClusterSnapshot, decide, nodeCapacity } from "../../../src/control/scheduler/index.ts";
import { type JobSpec, type NodeFacts, type NodeRecord, type NodeUserns, systemClock } from "../../../src/shared/domain/index.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

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

test("a job that asks for a user namespace goes to a node that reports it, and to one that reports nothing", () => {
  const nodeOf = (userns: NodeUserns | undefined) => nodeCapacity(nodeRecord(factsOf("n", 0, userns === undefined ? {} : { userns })));
  const nodes = [nodeOf({ modes: ["host"], layers: null }), nodeOf({ modes: ["private"], layers: "chowned" }), nodeOf(undefined)];
  const blockers = (spec: JobSpec) => nodes.map((node) => nodeBlocker(node, pendingJob({ id: "1", queuedAt: 1, spec }))?.kind);
  expect(blockers(specOf({ userns: "private" }))).toEqual(["userns", undefined, undefined]);
  expect(blockers(specOf({ userns: "host" }))).toEqual([undefined, "userns", undefined]);
  expect(blockers(specOf())).toEqual([undefined, undefined, undefined]);
});

function nodeRecord(facts: NodeFacts): NodeRecord {
  const seen = { joinedAt: 1, lastSeenAt: 1, incarnation: "i", bootId: "b", state: "ready" as const };
  return { id: "n", name: "n", address: "10.0.0.1", facts, ...seen };
}
