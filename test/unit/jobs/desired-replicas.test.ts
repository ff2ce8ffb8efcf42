import { expect, test } from "vitest";
import { applyEvent, createMemoryStores, desiredFor } from "../../../src/control/jobs/index.ts";
import type { Assignment, Job } from "../../../src/shared/domain/index.ts";
import { specOf } from "../../support/control-samples.ts";

const T = 1_700_000_000_000;
const READY = { id: "node-a", state: "ready" } as const;

function place(rank: number, nodeId: string, ...gpuUuids: string[]): Assignment {
  return { rank, nodeId, nodeAddress: `10.0.0.${nodeId === "node-a" ? 1 : 2}`, gpuUuids };
}

async function placed(spec: Parameters<typeof specOf>[0], assignments: Assignment[]): Promise<Job> {
  const { job } = await createMemoryStores().jobs.submit({ spec: specOf(spec), user: "ada", idempotencyKey: null }, T);
  return applyEvent(job, { type: "placed", assignments }, T).job;
}

test("a single replica meets itself on the loopback address", async () => {
  const job = await placed({ name: "solo", env: { RANK: "99", SEED: "1" } }, [place(0, "node-a", "GPU-1")]);
  const [replica] = desiredFor(READY, [job]);
  expect(replica).toMatchObject({
    jobId: "1",
    epoch: 1,
    rank: 0,
    action: "run",
    spec: { gpuUuids: ["GPU-1"], cpuMillis: 1000, project: "default" },
  });
  expect(replica?.spec.env).toEqual({
    ...{ SEED: "1", RANK: "0", WORLD_SIZE: "1", LOCAL_RANK: "0", MASTER_ADDR: "127.0.0.1", MASTER_PORT: expect.stringMatching(/^2\d{4}$/) },
    ...{ BERTH_JOB_ID: "1", BERTH_JOB_NAME: "solo", BERTH_EPOCH: "1", BERTH_RESTART_COUNT: "0" },
  });
});

test("a node is told when to ask the registry, where the job says it", async () => {
  const [says] = desiredFor(READY, [await placed({ pull: "always" }, [place(0, "node-a")])]);
  const [silent] = desiredFor(READY, [await placed({}, [place(0, "node-a")])]);
  expect([says?.spec.pull, silent?.spec.pull]).toEqual(["always", undefined]);
});

test("the ranks of a gang are told the same meeting point, each on its own node", async () => {
  const job = await placed({ replicas: 3 }, [place(0, "node-b"), place(1, "node-a"), place(2, "node-a")]);
  const here = desiredFor(READY, [job]);
  const there = desiredFor({ id: "node-b", state: "ready" }, [job]);
  expect(here.map(({ rank, spec }) => [rank, spec.env.RANK, spec.env.WORLD_SIZE])).toEqual([
    [1, "1", "3"],
    [2, "2", "3"],
  ]);
  expect(there.map(({ rank }) => rank)).toEqual([0]);
  expect(new Set([...here, ...there].map(({ spec }) => `${spec.env.MASTER_ADDR}:${spec.env.MASTER_PORT}`)).size).toBe(1);
  expect(here[0]?.spec.env.MASTER_ADDR).toBe("10.0.0.2");
});

test("another attempt meets at another port", async () => {
  const first = await placed({}, [place(0, "node-a")]);
  const lost = applyEvent(first, { type: "node-lost", nodeId: "node-a", why: "x" }, T).job;
  const second = applyEvent(lost, { type: "placed", assignments: [place(0, "node-a")] }, T).job;
  const port = (job: Job) => desiredFor(READY, [job])[0]?.spec.env.MASTER_PORT;
  expect(port(second)).not.toBe(port(first));
});

test("a stopping job is to be stopped, an ended replica is left out, a pending job means nothing", async () => {
  const job = await placed({ replicas: 2 }, [place(0, "node-a"), place(1, "node-a")]);
  const report = {
    jobId: "1",
    epoch: 1,
    rank: 0,
    state: "exited" as const,
    message: null,
    cause: "exited" as const,
    exitCode: 1,
    startedAt: T,
    finishedAt: T,
    usage: null,
  };
  const stopping = applyEvent(job, { type: "replica-report", nodeId: "node-a", report }, T).job;
  expect(desiredFor(READY, [stopping]).map(({ rank, action }) => [rank, action])).toEqual([[1, "stop"]]);
  const ended = applyEvent(stopping, { type: "replica-report", nodeId: "node-a", report: { ...report, rank: 1, cause: "exited" } }, T).job;
  expect(desiredFor(READY, [ended])).toEqual([]);
});

test("a lost node is wanted to run nothing", async () => {
  const job = await placed({}, [place(0, "node-a")]);
  expect(desiredFor({ id: "node-a", state: "lost" }, [job])).toEqual([]);
});
