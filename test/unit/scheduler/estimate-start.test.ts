import { describe, expect, it } from "vitest";
import { type ActiveJob, type ClusterSnapshot, decide, explainJob, type PendingJob } from "../../../src/control/scheduler/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

const nodes = (count: number): ClusterSnapshot["nodes"] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ id: `n${index}`, name: `n${index}`, address: "10.0.0.1", state: "ready" as const, lastSeenAt: NOW },
    ...{ cpuMillis: 64_000, memoryBytes: 256 * GIB, gpus: [gpuOf(`n${index}`, 0)] },
  }));
const running = (id: string, node: string, more: Partial<ActiveJob> = {}): ActiveJob => ({
  ...{ id, resources: resourcesOf({ gpus: 1 }), startedAt: NOW - MINUTE },
  assignments: [{ rank: 0, nodeId: node, nodeAddress: "10.0.0.1", gpuUuids: [`GPU-${node}-0`] }],
  ...more,
});
const waiting = (id: string, more: Partial<PendingJob> = {}): PendingJob => ({
  ...{ id, priority: 0, queuedAt: NOW, replicas: 1, resources: resourcesOf({ gpus: 1 }), ...more },
});
const outlook = (snapshot: ClusterSnapshot, id: string) => {
  const found = explainJob(decide, snapshot, NOW, id);
  return found === null ? null : { start: found.start, why: found.startUnknown };
};

describe("the start estimate", () => {
  it("is the running job's time limit where nothing else is known", () => {
    const snapshot = { nodes: nodes(1), active: [running("1", "n0", { endsAt: NOW + 20 * MINUTE })], pending: [waiting("2")] };
    expect(outlook(snapshot, "2")).toEqual({ start: { p50: NOW + 20 * MINUTE, p90: NOW + 20 * MINUTE }, why: null });
  });

  it("is earlier than the limit where like jobs ended earlier, and never later", () => {
    const remainingMs = { p50: 5 * MINUTE, p90: 50 * MINUTE };
    const snapshot = { nodes: nodes(1), active: [running("1", "n0", { endsAt: NOW + 20 * MINUTE, remainingMs })], pending: [waiting("2")] };
    expect(outlook(snapshot, "2")?.start).toEqual({ p50: NOW + 5 * MINUTE, p90: NOW + 20 * MINUTE });
  });

  it("counts the jobs before it in the queue", () => {
    const pending = [waiting("2", { timeLimitMs: 10 * MINUTE }), waiting("3")];
    const snapshot = { nodes: nodes(1), active: [running("1", "n0", { endsAt: NOW + 20 * MINUTE })], pending };
    expect(outlook(snapshot, "3")?.start?.p90).toBe(NOW + 30 * MINUTE);
  });

  it("waits for a whole gang's nodes", () => {
    const active = [running("1", "n0", { endsAt: NOW + 5 * MINUTE }), running("2", "n1", { endsAt: NOW + 9 * MINUTE })];
    const snapshot = { nodes: nodes(2), active, pending: [waiting("3", { replicas: 2 })] };
    expect(outlook(snapshot, "3")?.start?.p50).toBe(NOW + 9 * MINUTE);
  });

  it("is now for a job that the next pass starts", () => {
    expect(outlook({ nodes: nodes(1), active: [], pending: [waiting("1")] }, "1")?.start).toEqual({ p50: NOW, p90: NOW });
  });

  it("names only jobs of its project where a limit of the project keeps it waiting", () => {
    const limits = { gpus: 1, jobs: null, gpusPerUser: null, jobsPerUser: null };
    const projects = [{ name: "p", parent: null, weight: 1, guaranteedGpus: 0, limits, usage: 0 }];
    const active = [running("1", "n0", { project: "q" }), running("2", "n1", { project: "p" })];
    const snapshot = { nodes: nodes(3), projects, active, pending: [waiting("3", { project: "p" })] };
    expect(outlook(snapshot, "3")?.why).toMatch(/^nothing tells when job 2 will end/);
  });

  it("is when a borrower has run long enough to be stopped for the project's guarantee, and its grace is over", () => {
    const limits = { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null };
    const project = { parent: null, weight: 1, limits, usage: 0 };
    const projects = [
      { ...project, name: "p", guaranteedGpus: 1 },
      { ...project, name: "q", guaranteedGpus: 0 },
    ];
    const active = [running("1", "n0", { project: "q", stopGraceMs: 30_000 })];
    const snapshot = { nodes: nodes(1), projects, active, pending: [waiting("2", { project: "p" })] };
    const start = NOW + 9 * MINUTE + 30_000;
    expect(outlook(snapshot, "2")).toEqual({ start: { p50: start, p90: start }, why: null });
  });

  it("is null, with the reason, when nothing tells when closed nodes are opened", () => {
    const [first, second] = nodes(2) as [ClusterSnapshot["nodes"][0], ClusterSnapshot["nodes"][0]];
    const reservations = [{ name: "disks", nodes: ["n0"], from: NOW, to: NOW + 90 * MINUTE, projects: [] }];
    const snapshot = {
      nodes: [first, { ...second, closed: "draining" }],
      active: [],
      pending: [waiting("1", { replicas: 2 })],
      reservations,
    };
    expect(outlook(snapshot, "1")).toEqual({ start: null, why: "nothing tells when the nodes it needs come back" });
  });

  it("is null, with the reason, when nothing tells when the running job ends", () => {
    const snapshot = { nodes: nodes(1), active: [running("1", "n0")], pending: [waiting("2")] };
    const why = "nothing tells when job 1 will end: no time limit, and too few ended jobs of the user";
    expect(outlook(snapshot, "2")).toEqual({ start: null, why });
  });

  it("is null for what can never fit", () => {
    const snapshot = { nodes: nodes(1), active: [], pending: [waiting("2", { resources: resourcesOf({ gpus: 2 }) })] };
    expect(outlook(snapshot, "2")).toEqual({ start: null, why: "no state of the nodes could run it" });
  });

  it("is the end of a maintenance window that the job would run into, with the proof", () => {
    const reservations = [{ name: "disks", nodes: ["n0"], from: NOW + 60 * MINUTE, to: NOW + 90 * MINUTE, projects: [] }];
    const snapshot = { nodes: nodes(1), active: [], pending: [waiting("1")], reservations };
    expect(outlook(snapshot, "1")?.start?.p90).toBe(NOW + 90 * MINUTE);
    expect(explainJob(decide, snapshot, NOW, "1")?.proof).toBe(
      "1 node: 1 maintenance from 2023-11-14 23:13 UTC to 2023-11-14 23:43 UTC (disks)",
    );
  });

  it("takes a bounded number of passes however many jobs run and wait", () => {
    const active = nodes(200).map(({ id }, index) => running(`r${index}`, id, { endsAt: NOW + (index + 1) * MINUTE }));
    const pending = Array.from({ length: 300 }, (_, index) => waiting(`p${index}`, { timeLimitMs: 60 * MINUTE, priority: 1 }));
    const snapshot = { nodes: nodes(200), active, pending: [...pending, waiting("last")] };
    let calls = 0;
    const counted: typeof decide = (one, now) => {
      calls += 1;
      return decide(one, now);
    };
    expect(explainJob(counted, snapshot, NOW, "last")?.startUnknown).toBeNull();
    expect(calls).toBeLessThan(150);
  });
});
