import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inferSteps, type LocalReplica, type NodeView, nextInstant } from "../../../src/node/agent/infer-steps.ts";
import { containerIdOf } from "../../../src/node/agent/replica-key.ts";
import type { DesiredReplica } from "../../../src/shared/wire/index.ts";
import { desiredReplica } from "../../support/desired-replica.ts";
import { runs } from "../../support/property-runs.ts";

const NOW = 1_000_000;

function local(key: { jobId?: string; epoch?: number; rank?: number }, change: Partial<LocalReplica> = {}): LocalReplica {
  const full = { jobId: "7", epoch: 1, rank: 0, ...key };
  return {
    key: full,
    containerId: containerIdOf(full),
    phase: "running",
    activity: null,
    aborting: false,
    graceSeconds: 30,
    timeLimitAtMs: null,
    checkpointDueMs: null,
    leaseDeadlineMs: NOW + 60_000,
    retryAtMs: 0,
    ...change,
  };
}

function view(change: Partial<NodeView>): NodeView {
  return { nowMs: NOW, desired: [], leaseDeadlineMs: NOW + 60_000, replicas: [], ...change };
}

const verbs = (change: Partial<NodeView>) => inferSteps(view(change)).map((step) => step.verb);

describe("inferSteps", () => {
  test("starts what is wanted and missing, with the lease of the sync", () => {
    const wanted = desiredReplica();
    expect(inferSteps(view({ desired: [wanted] }))).toEqual([{ verb: "start-replica", desired: wanted, leaseDeadlineMs: NOW + 60_000 }]);
  });

  test("starts nothing once the lease of the sync has ended", () => {
    expect(verbs({ desired: [desiredReplica()], leaseDeadlineMs: NOW })).toEqual([]);
  });

  test("leaves everything alone before the first sync, but enforces time limits", () => {
    const replicas = [local({}), local({ jobId: "8" }, { timeLimitAtMs: NOW - 1 })];
    expect(inferSteps(view({ desired: null, leaseDeadlineMs: null, replicas }))).toEqual([
      { verb: "enforce-time-limit", containerId: "job-8-1-0", graceSeconds: 30 },
    ]);
  });

  test("stops what nobody wants with its own grace, and removes it once it has ended", () => {
    expect(inferSteps(view({ replicas: [local({}, { graceSeconds: 5 })] }))).toEqual([
      { verb: "stop-replica", containerId: "job-7-1-0", graceSeconds: 5 },
    ]);
    expect(verbs({ replicas: [local({}, { phase: "exited" })] })).toEqual(["remove-replica"]);
  });

  test("keeps an ended replica for as long as the control plane names it", () => {
    expect(verbs({ desired: [desiredReplica()], replicas: [local({}, { phase: "exited" })] })).toEqual([]);
    expect(verbs({ desired: [desiredReplica({ action: "stop" })], replicas: [local({}, { phase: "exited" })] })).toEqual([]);
  });

  test("renews the lease of what runs, also while it is being stopped on request", () => {
    const replicas = [local({}, { leaseDeadlineMs: NOW + 10_000, activity: "stop" })];
    expect(inferSteps(view({ desired: [desiredReplica({ action: "stop" })], replicas }))).toEqual([
      { verb: "renew-lease", containerId: "job-7-1-0", deadlineMs: NOW + 60_000 },
    ]);
  });

  test("aborts a start that is not wanted any more, once", () => {
    const starting = local({}, { phase: "starting", activity: "start" });
    expect(verbs({ replicas: [starting] })).toEqual(["abort-start"]);
    expect(verbs({ replicas: [{ ...starting, aborting: true }] })).toEqual([]);
  });

  test("declines a stop for a replica that never was here, so that its end is reported", () => {
    expect(verbs({ desired: [desiredReplica({ action: "stop" })] })).toEqual(["decline-replica"]);
  });

  test("waits with a higher epoch until the lower one is gone", () => {
    const desired = [desiredReplica({ epoch: 2 })];
    expect(verbs({ desired, replicas: [local({})] })).toEqual(["stop-replica"]);
    expect(verbs({ desired, replicas: [local({}, { activity: "stop" })] })).toEqual([]);
    expect(verbs({ desired, replicas: [local({}, { phase: "exited" })] })).toEqual(["remove-replica", "start-replica"]);
  });

  test("never starts an epoch below one it has seen", () => {
    const replicas = [local({ epoch: 3 }, { phase: "exited" })];
    expect(verbs({ desired: [desiredReplica({ epoch: 2 }), desiredReplica({ epoch: 3 })], replicas })).toEqual(["decline-replica"]);
  });

  test("does not repeat a failed step before its time", () => {
    const replicas = [local({}, { retryAtMs: NOW + 1 })];
    expect(verbs({ replicas })).toEqual([]);
    expect(nextInstant(view({ replicas }))).toBe(NOW + 1);
  });
});

const arbitraryKey = fc.record({
  jobId: fc.constantFrom("1", "2"),
  epoch: fc.integer({ min: 1, max: 3 }),
  rank: fc.integer({ min: 0, max: 1 }),
});
const arbitraryDesired: fc.Arbitrary<DesiredReplica[]> = fc.uniqueArray(
  fc.tuple(arbitraryKey, fc.constantFrom("run" as const, "stop" as const)).map(([key, action]) => desiredReplica({ ...key, action })),
  { selector: containerIdOf, maxLength: 6 },
);
const arbitraryLocal = fc.uniqueArray(
  fc
    .record({
      key: arbitraryKey,
      phase: fc.constantFrom("starting" as const, "running" as const, "exited" as const),
      busy: fc.constantFrom(null, "stop" as const, "remove" as const),
      aborting: fc.boolean(),
      limit: fc.option(fc.integer({ min: NOW - 10, max: NOW + 10 })),
      lease: fc.option(fc.integer({ min: NOW - 10, max: NOW + 10 })),
      retryAtMs: fc.constantFrom(0, 0, NOW + 5),
    })
    .map(({ key, phase, busy, aborting, limit, lease, retryAtMs }) =>
      local(key, {
        phase,
        activity: phase === "starting" ? "start" : busy,
        aborting,
        timeLimitAtMs: limit,
        leaseDeadlineMs: lease,
        retryAtMs,
      }),
    ),
  { selector: (replica) => replica.containerId, maxLength: 6 },
);
const arbitraryView = fc.record({
  nowMs: fc.constant(NOW),
  desired: fc.option(arbitraryDesired),
  leaseDeadlineMs: fc.integer({ min: NOW - 5, max: NOW + 5 }),
  replicas: arbitraryLocal,
});

describe("whatever the state of the node", () => {
  const always = (claim: (node: NodeView) => void) =>
    fc.assert(
      fc.property(arbitraryView, (node) => claim({ ...node, leaseDeadlineMs: node.desired === null ? null : node.leaseDeadlineMs })),
      { numRuns: runs(2000) },
    );

  test("a replica gets at most one lifecycle step", () => {
    always((node) => {
      const ids = inferSteps(node)
        .filter((step) => step.verb !== "renew-lease")
        .map((step) => ("containerId" in step ? step.containerId : containerIdOf(step.desired)));
      expect(new Set(ids).size).toBe(ids.length);
    });
  });

  test("no two epochs of one rank are ever live together by a start", () => {
    always((node) => {
      const starts = inferSteps(node).flatMap((step) => (step.verb === "start-replica" ? [step.desired] : []));
      const ranks = starts.map(({ jobId, rank }) => `${jobId}/${rank}`);
      expect(new Set(ranks).size).toBe(ranks.length);
      for (const start of starts) {
        const live = node.replicas.filter(({ phase, key }) => phase !== "exited" && key.jobId === start.jobId && key.rank === start.rank);
        expect(live).toEqual([]);
      }
    });
  });

  test("nothing starts, and no lease moves, without a lease in the future", () => {
    always((node) => {
      for (const step of inferSteps(node)) {
        if (step.verb === "start-replica") expect(step.leaseDeadlineMs).toBeGreaterThan(NOW);
        if (step.verb === "renew-lease") expect(step.deadlineMs).toBeGreaterThan(NOW);
      }
    });
  });

  test("only ended replicas that nobody names are removed, and nothing a job wants is stopped before its limit", () => {
    always((node) => {
      for (const step of inferSteps(node)) {
        if (!("containerId" in step)) continue;
        const replica = node.replicas.find(({ containerId }) => containerId === step.containerId);
        const wanted = node.desired?.find((candidate) => containerIdOf(candidate) === step.containerId);
        if (step.verb === "remove-replica") expect([replica?.phase, wanted, node.desired === null]).toEqual(["exited", undefined, false]);
        if (step.verb === "enforce-time-limit") expect(replica?.timeLimitAtMs ?? NOW + 1).toBeLessThanOrEqual(NOW);
        if (step.verb === "stop-replica" && wanted?.action === "run") {
          expect(
            node.desired?.some(({ jobId, rank, epoch }) => jobId === wanted.jobId && rank === wanted.rank && epoch > wanted.epoch),
          ).toBe(true);
        }
      }
    });
  });

  test("a lease never moves backwards", () => {
    always((node) => {
      for (const step of inferSteps(node)) {
        if (step.verb !== "renew-lease") continue;
        const before = node.replicas.find(({ containerId }) => containerId === step.containerId)?.leaseDeadlineMs ?? 0;
        expect(step.deadlineMs).toBeGreaterThan(before);
      }
    });
  });
});
