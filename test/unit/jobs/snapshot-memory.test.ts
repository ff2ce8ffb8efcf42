import { expect, test } from "vitest";
import { createSnapshotMemory } from "../../../src/control/jobs/snapshot-memory.ts";
import { newJob } from "../../../src/control/jobs/submission.ts";
import { factsOf, specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const FACTS = factsOf("n1", 2, { diskFreeBytes: 1_010_000_000_000 });

function recordOf(id: string, changes: object = {}) {
  const node = { id, name: id, address: "10.0.0.1", state: "ready" as const, incarnation: "i", bootId: "b", joinedAt: T };
  return { ...node, lastSeenAt: T, facts: FACTS, ...changes };
}

function waiting(id: string) {
  return newJob(id, { spec: specOf({}), user: "ada", idempotencyKey: null }, T);
}

test("a job whose reason was rewritten, and a node that synced, are to the scheduler the same objects as before", () => {
  const memory = createSnapshotMemory();
  const before = memory.view([recordOf("n1")], [waiting("1"), waiting("2")], []);
  const told = { ...waiting("2"), version: 2, pendingReason: "no room" };
  const facts = { ...FACTS, diskFreeBytes: FACTS.diskFreeBytes - 1_000_000 };
  const after = memory.view([recordOf("n1", { lastSeenAt: T + 3000, facts })], [waiting("1"), told], []);
  expect(after.pending[1]).toBe(before.pending[1]);
  expect(after.nodes[0]).toBe(before.nodes[0]);
});

test("a node that lost half its free disk, and one that fell silent, are seen as they are now", () => {
  const memory = createSnapshotMemory();
  memory.view([recordOf("n1"), recordOf("n2")], [], []);
  const facts = { ...FACTS, diskFreeBytes: FACTS.diskFreeBytes / 2 };
  const { nodes } = memory.view([recordOf("n1", { facts }), recordOf("n2", { state: "suspect", lastSeenAt: T + 9 })], [], []);
  expect(nodes[0]?.diskFreeBytes).toBeLessThanOrEqual(facts.diskFreeBytes);
  expect(nodes[1]).toMatchObject({ state: "suspect", lastSeenAt: T + 9 });
});
