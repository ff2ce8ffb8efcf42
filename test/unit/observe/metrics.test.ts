import { describe, expect, it } from "vitest";
import type { Job, NodeRecord } from "../../../src/shared/domain/index.ts";
import { createMetrics, METRICS, recordJobChange, recordNodes } from "../../../src/shared/observe/index.ts";

const text = (metrics: ReturnType<typeof createMetrics>) => metrics.registry.metrics();
const fresh = () => createMetrics({ version: "1.2.3" });

describe("metric names", () => {
  it.each(Object.values(METRICS))("%s follows the Prometheus rules", (name) => {
    expect(name).toMatch(/^(berth_[a-z0-9_]*[a-z0-9]|http_request_duration_seconds)$/);
    expect(name).not.toMatch(/(milliseconds|_ms|minutes|kilobytes|_mb|percent)(_|$)/);
  });

  it("are all registered, counters and only counters end in _total, and every one has a help text", async () => {
    const known = await fresh().registry.getMetricsAsJSON();
    const ours = known.filter(({ name }) => (Object.values(METRICS) as string[]).includes(name));
    expect(ours.map(({ name }) => name).sort()).toEqual(Object.values(METRICS).sort());
    for (const { name, type, help } of ours) {
      expect(name.endsWith("_total")).toBe(String(type) === "counter");
      expect(help).toMatch(/\.$/);
    }
  });
});

it("two registries share nothing", async () => {
  const [one, other] = [fresh(), fresh()];
  one.jobsSubmitted.inc();
  expect(await text(other)).toContain("berth_jobs_submitted_total 0");
});

describe("what a change of a job's row counts", () => {
  const row = { state: "pending", epoch: 0, queuedAt: 1000, startedAt: null, finishedAt: null, attempt: null } as unknown as Job;
  const placed = { ...row, state: "starting", epoch: 1, attempt: { assignedAt: 3500 } } as unknown as Job;
  const ended = { ...placed, state: "succeeded", startedAt: 4000, finishedAt: 64_000 } as unknown as Job;

  it("submission, wait, run and end, each once", async () => {
    const metrics = fresh();
    recordJobChange(metrics, null, row);
    recordJobChange(metrics, row, placed);
    recordJobChange(metrics, placed, placed);
    recordJobChange(metrics, placed, ended);
    recordJobChange(metrics, ended, ended);
    const shown = await text(metrics);
    for (const line of [
      "berth_jobs_submitted_total 1",
      "berth_job_queue_wait_seconds_sum 2.5",
      "berth_job_queue_wait_seconds_count 1",
      'berth_jobs_finished_total{outcome="succeeded"} 1',
      'berth_job_run_seconds_sum{outcome="succeeded"} 60',
    ]) {
      expect(shown).toContain(line);
    }
  });

  it("no negative time when a clock was set back", async () => {
    const metrics = fresh();
    recordJobChange(metrics, { ...row, queuedAt: 9000 }, placed);
    expect(await text(metrics)).toContain("berth_job_queue_wait_seconds_sum 0");
  });
});

describe("what nodes show", () => {
  const gpu = (uuid: string, healthy = true) => ({
    uuid,
    index: Number(uuid.slice(1)),
    model: "H200",
    pciBusId: "0",
    memoryBytes: 1,
    healthy,
  });
  const node = (name: string, gpus: object[]) =>
    ({
      id: name,
      name,
      state: "ready",
      lastSeenAt: 5000,
      facts: { cpus: 8, memoryBytes: 64, diskFreeBytes: 7, gpus, simulatedGpus: true },
    }) as unknown as NodeRecord;
  const allocated = { gpuUuids: ["g0"], cpuMillis: 1500, memoryBytes: 32 };

  it("every GPU is free, allocated or unhealthy, once", async () => {
    const metrics = fresh();
    recordNodes(metrics, [{ node: node("n1", [gpu("g0"), gpu("g1"), gpu("g2", false)]), allocated }]);
    const shown = await text(metrics);
    for (const state of ["free", "allocated", "unhealthy"]) expect(shown).toContain(`berth_node_gpus{node="n1",state="${state}"} 1`);
    expect(shown).toContain('berth_gpu_allocated{gpu="0",UUID="g0",node="n1"} 1');
    expect(shown).toContain('berth_node_cpus{node="n1",state="allocated"} 1.5');
    expect(shown).toContain('berth_nodes{state="ready"} 1');
    expect(shown).toContain('simulated="true"');
  });

  it("series of a node that is gone go too", async () => {
    const metrics = fresh();
    recordNodes(metrics, [{ node: node("n1", [gpu("g0")]), allocated }]);
    recordNodes(metrics, []);
    const shown = await text(metrics);
    expect(shown).not.toContain('"n1"');
    expect(shown).toContain('berth_nodes{state="ready"} 0');
  });
});
