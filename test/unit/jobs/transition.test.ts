import { describe, expect, test } from "vitest";
import { applyEvent, type JobChange } from "../../../src/control/jobs/index.ts";
import type { Assignment, Job, JobSpec } from "../../../src/shared/domain/index.ts";
import type { ReplicaReport } from "../../../src/shared/wire/index.ts";
import { specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;

function pendingJob(spec: Partial<JobSpec> = {}): Job {
  return {
    ...{
      id: "5",
      spec: specOf(spec),
      state: "pending" as const,
      epoch: 0,
      version: 1,
      user: "ada",
      submittedAt: T,
      queuedAt: T,
      startedAt: null,
    },
    ...{ finishedAt: null, retriesUsed: 0, attempt: null, pendingReason: "waiting for the scheduler", outcome: null },
  };
}

const NODES = ["node-a", "node-b", "node-c"];

function placement(replicas: number): Assignment[] {
  return Array.from({ length: replicas }, (_, rank) => ({
    rank,
    nodeId: NODES[rank] ?? "node-z",
    nodeAddress: `10.0.0.${rank}`,
    gpuUuids: [`GPU-${rank}`],
  }));
}

/** Applies the changes in order; every real change must raise the version by one. */
function become(job: Job, ...changes: JobChange[]): Job {
  return changes.reduce((row, change) => {
    const next = applyEvent(row, change, T + 1000).job;
    expect(next.version).toBe(next === row ? row.version : row.version + 1);
    return next;
  }, job);
}

function placed(spec: Partial<JobSpec> = {}): Job {
  return become(pendingJob(spec), { type: "placed", assignments: placement(spec.replicas ?? 1) });
}

function reports(rank: number, state: ReplicaReport["state"], changes: Partial<ReplicaReport> = {}): JobChange {
  const ended =
    state === "exited" ? { cause: "exited" as const, exitCode: 0, finishedAt: T + 900 } : { cause: null, exitCode: null, finishedAt: null };
  const startedAt = state === "preparing" ? null : T + 100;
  return {
    type: "replica-report",
    nodeId: NODES[rank] ?? "",
    report: { jobId: "5", epoch: 1, rank, state, message: null, startedAt, usage: null, ...ended, ...changes },
  };
}

const exits = (rank: number, exitCode: number, changes: Partial<ReplicaReport> = {}) => reports(rank, "exited", { exitCode, ...changes });
const cancel: JobChange = { type: "cancel-requested", by: "ada" };
const lose = (nodeId: string): JobChange => ({ type: "node-lost", nodeId, why: `${nodeId} was silent for 70s and is lost` });

describe("one replica", () => {
  test("goes from pending over starting and running to succeeded", () => {
    const starting = placed();
    expect(starting).toMatchObject({ state: "starting", epoch: 1, pendingReason: null });
    expect(become(starting, reports(0, "preparing", { message: "unpacking" })).attempt?.replicas[0]).toMatchObject({
      state: "preparing",
      message: "unpacking",
    });
    const running = become(starting, reports(0, "running"));
    expect(running).toMatchObject({ state: "running", startedAt: T + 1000 });
    expect(become(running, exits(0, 0))).toMatchObject({
      state: "succeeded",
      finishedAt: T + 1000,
      outcome: { cause: "exited", exitCode: 0 },
    });
  });

  test("that ends before it was ever seen running still counts as started", () => {
    expect(become(placed(), exits(0, 0))).toMatchObject({ state: "succeeded", startedAt: T + 1000 });
  });

  test.each([
    { end: { exitCode: 3 }, outcome: { cause: "exited", exitCode: 3, message: "exited with code 3" } },
    {
      end: { cause: "oom", exitCode: 137 },
      outcome: { cause: "oom", exitCode: 137, message: "was killed: out of memory (its limit is 1.0 GiB)" },
    },
    { end: { cause: "signal", exitCode: 139 }, outcome: { cause: "signal", exitCode: 139, message: "was killed by signal 11" } },
    { end: { cause: "exited", exitCode: null }, outcome: { cause: "exited", exitCode: null, message: "ended with an unknown exit code" } },
    {
      end: { cause: "start-failed", exitCode: null, message: "container_start_failed: no such file" },
      outcome: { cause: "start-failed", exitCode: null },
    },
  ] as const)("fails with $outcome", ({ end, outcome }) => {
    expect(become(placed(), reports(0, "running"), reports(0, "exited", { ...end }))).toMatchObject({ state: "failed", outcome });
  });

  test("that ended in a way nobody saw is lost, not failed", () => {
    expect(become(placed(), reports(0, "exited", { cause: null, exitCode: null }))).toMatchObject({ state: "pending", retriesUsed: 0 });
  });
});

describe("late and repeated reports", () => {
  test("change nothing", () => {
    const running = become(placed(), reports(0, "running"));
    expect(become(running, reports(0, "running"))).toBe(running);
    expect(become(running, reports(0, "preparing"))).toBe(running);
    const done = become(running, exits(0, 0));
    expect(become(done, exits(0, 0))).toBe(done);
    expect(become(done, exits(0, 1))).toBe(done);
    expect(become(done, reports(0, "running"))).toBe(done);
  });

  test("of another attempt, rank or node are refused", () => {
    const second = become(placed({ retries: 1 }), exits(0, 1), { type: "placed", assignments: placement(1) });
    expect(second.epoch).toBe(2);
    for (const report of [exits(0, 0), reports(0, "running", { epoch: 3 }), reports(1, "running", { epoch: 2 })]) {
      expect(() => applyEvent(second, report, T)).toThrow(expect.objectContaining({ code: "stale_epoch" }));
    }
    const elsewhere = { ...reports(0, "running", { epoch: 2 }), nodeId: "node-c" } as JobChange;
    expect(() => applyEvent(second, elsewhere, T)).toThrow(/not assigned to node-c/);
  });

  test("of an epoch that the store never gave raise the epoch of a pending job, so it is not given twice", () => {
    const adopted = become(pendingJob(), reports(0, "running", { epoch: 7 }));
    expect(adopted).toMatchObject({ state: "pending", epoch: 7 });
    expect(become(adopted, { type: "placed", assignments: placement(1) }).attempt?.epoch).toBe(8);
  });
});

describe("a gang", () => {
  test("runs when its last replica runs", () => {
    const one = become(placed({ replicas: 2 }), reports(0, "running"));
    expect(one.state).toBe("starting");
    expect(become(one, reports(1, "running")).state).toBe("running");
  });

  test("stops when one fails, and ends with what that one said", () => {
    const failing = become(placed({ replicas: 3 }), reports(0, "running"), reports(1, "running"), exits(1, 42));
    expect(failing).toMatchObject({ state: "stopping", attempt: { stopReason: "replica-failed" } });
    const ended = become(failing, exits(0, 143, { cause: "stopped" }), exits(2, 143, { cause: "stopped", finishedAt: T + 1 }));
    expect(ended).toMatchObject({ state: "failed", outcome: { exitCode: 42, message: "rank 1 on node-b exited with code 42" } });
  });

  test("of two failures the earlier decides", () => {
    const ended = become(placed({ replicas: 2 }), exits(1, 5, { finishedAt: T + 20 }), exits(0, 1, { finishedAt: T + 10 }));
    expect(ended.outcome).toMatchObject({ exitCode: 1, message: "rank 0 on node-a exited with code 1" });
  });

  test("goes on when one replica ends well before the others", () => {
    const one = become(placed({ replicas: 2 }), exits(0, 0));
    expect(one.state).toBe("starting");
    expect(become(one, exits(1, 0))).toMatchObject({
      state: "succeeded",
      outcome: { exitCode: 0, message: "every replica exited with code 0" },
    });
  });

  test("loses one node: the rest is stopped, then all is queued again without charge", () => {
    const losing = become(placed({ replicas: 2, retries: 1 }), reports(0, "running"), reports(1, "running"), lose("node-b"));
    expect(losing).toMatchObject({
      state: "stopping",
      attempt: { stopReason: "node-lost", replicas: [{ state: "running" }, { state: "exited", cause: "lost", exitCode: null }] },
    });
    expect(become(losing, exits(0, 143, { cause: "stopped" }))).toMatchObject({
      state: "pending",
      retriesUsed: 0,
      attempt: null,
      queuedAt: T + 1000,
    });
  });

  test("that breaks because a node is gone is not charged, though its other ranks crashed first", () => {
    const ended = become(placed({ replicas: 2 }), reports(0, "running"), exits(0, 1), lose("node-b"));
    expect(ended).toMatchObject({ state: "pending", retriesUsed: 0 });
  });
});

describe("retries", () => {
  test("are charged for the program's own failures until they are used up", () => {
    const second = become(placed({ retries: 1 }), exits(0, 1));
    expect(second).toMatchObject({ state: "pending", retriesUsed: 1, epoch: 1, attempt: null, startedAt: null });
    const again = become(second, { type: "placed", assignments: placement(1) }, exits(0, 2, { epoch: 2 }));
    expect(again).toMatchObject({ state: "failed", epoch: 2, outcome: { exitCode: 2 } });
  });

  test.each([
    { why: "the time limit", end: { cause: "time-limit", exitCode: 143 } },
    { why: "an image that does not exist", end: { cause: "start-failed", exitCode: null, message: "image_not_found: no image trainer:1" } },
    { why: "a mount that is forbidden", end: { cause: "start-failed", exitCode: null, message: "mount_forbidden: /etc" } },
  ] as const)("are not spent on $why", ({ end }) => {
    expect(become(placed({ retries: 3 }), reports(0, "exited", { ...end }))).toMatchObject({
      state: "failed",
      outcome: { cause: end.cause },
    });
  });

  test.each(["lost", "lease-expired", "stopped"] as const)("are not charged when a replica was %s by no doing of its own", (cause) => {
    expect(become(placed(), reports(0, "exited", { cause, exitCode: null }))).toMatchObject({ state: "pending", retriesUsed: 0 });
  });

  test("of lost places end too: a job that kills its nodes does not walk through the whole cluster", () => {
    let job = pendingJob();
    for (let round = 0; round < 16; round += 1) job = become(job, { type: "placed", assignments: placement(1) }, lose("node-a"));
    expect(job).toMatchObject({ state: "failed", epoch: 16, outcome: { cause: "lost", exitCode: null } });
  });
});

describe("cancelling", () => {
  test("a pending job ends it at once", () => {
    expect(become(pendingJob(), cancel)).toMatchObject({
      state: "cancelled",
      outcome: { cause: "cancelled", exitCode: null },
      finishedAt: T + 1000,
      pendingReason: null,
    });
  });

  test("a running job stops it first, and is never retried or queued again", () => {
    const stopping = become(placed({ retries: 3 }), reports(0, "running"), cancel);
    expect(stopping).toMatchObject({ state: "stopping", attempt: { stopReason: "cancel" } });
    expect(become(stopping, exits(0, 143, { cause: "stopped" }))).toMatchObject({ state: "cancelled", outcome: { exitCode: 143 } });
    expect(become(stopping, lose("node-a"))).toMatchObject({ state: "cancelled", outcome: { exitCode: null } });
    expect(become(stopping, cancel)).toBe(stopping);
  });

  test("a gang that is stopping for another reason still ends as cancelled", () => {
    const stopping = become(placed({ replicas: 2, retries: 5 }), exits(0, 1), cancel);
    expect(become(stopping, exits(1, 143, { cause: "stopped" }))).toMatchObject({ state: "cancelled", outcome: { exitCode: 1 } });
  });

  test("an ended job is refused, a cancelled one is not touched", () => {
    const done = become(placed(), exits(0, 0));
    expect(() => applyEvent(done, cancel, T)).toThrow(expect.objectContaining({ code: "conflict" }));
    const cancelled = become(pendingJob(), cancel);
    expect(become(cancelled, cancel)).toBe(cancelled);
  });
});

describe("placing", () => {
  test("is refused unless the job is pending and every rank has a place", () => {
    expect(() => applyEvent(placed(), { type: "placed", assignments: placement(1) }, T)).toThrow(/not pending/);
    expect(() => applyEvent(pendingJob({ replicas: 2 }), { type: "placed", assignments: placement(1) }, T)).toThrow(
      /1 assignments for the 2 replicas/,
    );
  });

  test("a reason is written only to pending jobs, only when it is new, and never into the history", () => {
    const job = pendingJob();
    const explained = applyEvent(job, { type: "pending-reason", reason: "no node has joined yet" }, T);
    expect(explained).toMatchObject({ job: { pendingReason: "no node has joined yet" }, history: [] });
    expect(become(explained.job, { type: "pending-reason", reason: "no node has joined yet" })).toBe(explained.job);
    const running = placed();
    expect(become(running, { type: "pending-reason", reason: "x" })).toBe(running);
  });

  test("the loss of a node means nothing to jobs that are not on it", () => {
    const running = placed();
    expect(become(running, lose("node-b"))).toBe(running);
    expect(become(pendingJob(), lose("node-a")).state).toBe("pending");
  });
});
