import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BerthError } from "../../../src/shared/domain/index.ts";
import { desiredReplica } from "../../support/desired-replica.ts";
import { createFakeControlPlane, type FakeControlPlane } from "../../support/fake-control-plane.ts";
import { createFakeEngine, type FakeEngine } from "../../support/fake-engine.ts";
import { until } from "../../support/poll.ts";
import { createTestAgent, HEALTHY_GPU, ILL_GPU, type TestAgent } from "../../support/test-agent.ts";

const ID = "job-7-1-0";
let plane: FakeControlPlane;
let engine: FakeEngine;
let agent: TestAgent;

beforeEach(async () => {
  plane = await createFakeControlPlane();
  engine = await createFakeEngine();
  agent = await createTestAgent(plane.url);
});

afterEach(async () => {
  await agent.dispose();
  await plane.stop();
  await engine.dispose();
});

const reportIs = (state: string, job = "7", epoch = 1) =>
  until(`job ${job} epoch ${epoch} to be reported ${state}`, 10, () => {
    const report = plane.report(job, epoch);
    return report?.state === state ? report : null;
  });

describe("a node with a control plane", () => {
  test("joins, runs what is wanted under its lease, reports the exit code and forgets it when it is not wanted any more", async () => {
    plane.desired = [desiredReplica({ spec: { env: { A: "b" }, args: ["x"] } })];
    agent.start(engine);
    await reportIs("running");
    const request = engine.requests.get(ID);
    expect(request).toMatchObject({
      image: "digits:latest",
      args: ["x"],
      env: { A: "b" },
      labels: { "berth.job": "7", "berth.epoch": "1", "berth.rank": "0" },
      hostname: "digits-0",
    });
    await engine.print(ID, "2026-01-01T00:00:00Z stdout F hello\n");
    engine.exit(ID, { exitCode: 3, usage: { cpuSeconds: 1, peakMemoryBytes: 2, peakGpuMemoryBytes: null } });
    expect(await reportIs("exited")).toMatchObject({
      cause: "exited",
      exitCode: 3,
      usage: { cpuSeconds: 1 },
      startedAt: expect.any(Number),
    });
    expect(plane.logs.get("7/1/0")?.toString()).toContain("hello");
    plane.desired = [];
    await until("the container to be removed", 10, () => engine.get(ID) === null);
    await until("the report to end", 10, () => plane.report("7") === undefined);
    expect(await readdir(join(agent.dataDir, "agent", "replicas"))).toEqual([]);
  });

  test("asks for the digest that the control plane says the image's name means", async () => {
    const imageDigest = `sha256:${"a".repeat(64)}`;
    plane.desired = [desiredReplica({ spec: { image: "registry.example:5000/team/digits:2", imageDigest } })];
    agent.start(engine);
    await reportIs("running");
    expect(engine.requests.get(ID)).toMatchObject({ image: `registry.example:5000/team/digits@${imageDigest}` });
  });

  test("computes the lease from its own send time, however slow the answer", async () => {
    plane.leaseSeconds = 5;
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    await until("two renewals", 10, () => plane.syncs.length > 4);
    const newest = Math.max(...plane.syncs.map(({ sentAt }) => sentAt));
    expect(engine.leases.get(ID)).toBeLessThanOrEqual(newest + 5_000);
    expect(plane.syncs.some(({ sentAt }) => engine.leases.get(ID) === sentAt + 5_000)).toBe(true);
  });

  test("does not start what comes in an answer that is older than its lease", async () => {
    plane.leaseSeconds = 0.1;
    plane.beforeSync = () => new Promise((resolve) => setTimeout(resolve, 150));
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await until("three syncs", 10, () => plane.syncs.length >= 3);
    expect(engine.calls).toEqual([]);
    plane.beforeSync = () => {};
    plane.leaseSeconds = 60;
    await reportIs("running");
  });

  test("a stop asked for ends as stopped, with the grace of the job", async () => {
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    plane.desired = [desiredReplica({ action: "stop" })];
    expect(await reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: 143 });
    expect(engine.calls).toContain(`stop ${ID} 30`);
  });

  test("a stop before the start is reported as ended, and nothing ran", async () => {
    plane.desired = [desiredReplica({ action: "stop" })];
    agent.start(engine);
    expect(await reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: null });
    expect(engine.calls).toEqual([]);
  });

  test("an image that takes minutes to unpack blocks no heartbeat, and its start can be called off", async () => {
    agent.unpack = (_image, progress, signal) => {
      progress({ step: "unpacking", detail: "layer 1" });
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await until("the progress in the report", 10, () => plane.report("7")?.message === "unpacking layer 1");
    const before = plane.syncs.length;
    await until("more syncs", 10, () => plane.syncs.length > before + 3);
    plane.desired = [desiredReplica({ action: "stop" })];
    expect(await reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: null, startedAt: null });
    expect(engine.calls).toEqual([]);
  });

  test("a failed start is reported with code and text and is not tried again", async () => {
    engine.beforeRun = async () => {
      throw new BerthError("mount_forbidden", "/etc is not an allowed folder");
    };
    plane.desired = [desiredReplica()];
    agent.start(engine);
    expect(await reportIs("exited")).toMatchObject({
      cause: "start-failed",
      exitCode: null,
      message: "mount_forbidden: /etc is not an allowed folder",
    });
    const before = plane.syncs.length;
    await until("more syncs", 10, () => plane.syncs.length > before + 3);
    expect(engine.calls).toEqual([`run ${ID}`]);
  });

  test("a GPU never goes to two live containers of this node", async () => {
    plane.desired = [desiredReplica({ spec: { gpuUuids: [HEALTHY_GPU] } })];
    agent.start(engine);
    await reportIs("running");
    plane.desired = [
      ...plane.desired,
      desiredReplica({ jobId: "8", spec: { gpuUuids: [HEALTHY_GPU] } }),
      desiredReplica({ jobId: "9", spec: { gpuUuids: [ILL_GPU] } }),
    ];
    expect((await reportIs("exited", "8")).message).toBe(`gpu_unavailable: GPU ${HEALTHY_GPU} is in use by ${ID}`);
    expect((await reportIs("exited", "9")).message).toBe(`gpu_unavailable: GPU ${ILL_GPU} is not healthy`);
  });

  test("a higher epoch starts only after the lower one has ended", async () => {
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    let release = () => {};
    engine.beforeStop = () => new Promise((resolve) => (release = resolve));
    plane.desired = [desiredReplica({ epoch: 2 })];
    await until("the stop of epoch 1", 10, () => engine.calls.includes(`stop ${ID} 30`));
    const before = plane.syncs.length;
    await until("more syncs", 10, () => plane.syncs.length > before + 3);
    expect(engine.calls).not.toContain("run job-7-2-0");
    release();
    await reportIs("running", "7", 2);
  });

  test("the time limit strikes with the control plane away, and the next agent still tells the cause", async () => {
    plane.desired = [desiredReplica({ spec: { timeLimitSeconds: 1, stopGraceSeconds: 9 } })];
    agent.start(engine);
    await reportIs("running");
    await plane.stop();
    engine.beforeStop = () => new Promise(() => {});
    await until("the time limit", 10, () => engine.calls.includes(`stop ${ID} 9`));
    await agent.stop();
    const next = engine.successor();
    agent.start(next);
    await until("the next agent to stop it, too", 10, () => next.get(ID)?.state === "exited");
    await plane.start();
    expect(await reportIs("exited")).toMatchObject({ cause: "time-limit", exitCode: 143 });
  });

  test("containers go on without an agent, and the next one adopts them with log and exit", async () => {
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    await engine.print(ID, "before\n");
    await until("the log", 10, () => plane.logs.get("7/1/0")?.toString() === "before\n");
    await agent.stop();
    expect(engine.get(ID)?.state).toBe("running");
    const next = engine.successor();
    await next.print(ID, "between\n");
    agent.start(next);
    await reportIs("running");
    await next.print(ID, "after\n");
    next.exit(ID, { exitCode: 0 });
    await reportIs("exited");
    expect(plane.logs.get("7/1/0")?.toString()).toBe("before\nbetween\nafter\n");
    expect(next.calls).toEqual([]);
  });

  test("the exit is told only after the last log byte, or when the log is refused for too long", async () => {
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    plane.beforeLog = () => {
      throw new BerthError("insufficient_storage", "disk is full");
    };
    await engine.print(ID, "last words\n");
    engine.exit(ID, { exitCode: 1 });
    const before = plane.syncs.length;
    await until("more syncs", 10, () => plane.syncs.length > before + 5);
    expect(plane.report("7")?.state).toBe("running");
    const report = await until("the exit all the same", 30, () => (plane.report("7")?.state === "exited" ? plane.report("7") : null));
    expect(report).toMatchObject({ exitCode: 1, message: "the end of its log could not be sent in time" });
    plane.beforeLog = () => {};
    await until("the log all the same", 10, () => plane.logs.get("7/1/0")?.toString() === "last words\n");
  });

  test("OOM, lease expiry and a lost monitor are passed on as they are", async () => {
    plane.desired = [desiredReplica(), desiredReplica({ jobId: "8" }), desiredReplica({ jobId: "9" })];
    agent.start(engine);
    for (const job of ["7", "8", "9"]) await reportIs("running", job);
    engine.exit("job-7-1-0", { cause: "oom", exitCode: 137 });
    engine.exit("job-8-1-0", { cause: "lease-expired", exitCode: 137 });
    engine.exit("job-9-1-0", { cause: "lost", exitCode: null });
    expect((await reportIs("exited", "7")).cause).toBe("oom");
    expect((await reportIs("exited", "8")).cause).toBe("lease-expired");
    expect(await reportIs("exited", "9")).toMatchObject({ cause: "lost", exitCode: null });
  });
});

describe("the connection", () => {
  test("a wake line brings a sync at once", async () => {
    plane.intervalSeconds = 600;
    agent.start(engine);
    await until("the first sync and the wake stream", 10, () => plane.syncs.length >= 1 && plane.wakeStreams() === 1);
    plane.desired = [desiredReplica()];
    plane.wake();
    await reportIs("running");
  });

  test("a change here is told at once, not at the next interval", async () => {
    plane.intervalSeconds = 600;
    plane.desired = [desiredReplica()];
    agent.start(engine);
    await reportIs("running");
    engine.exit(ID, { exitCode: 0 });
    await reportIs("exited");
  });

  test("a control plane that goes away and comes back finds the node again, wake stream included", async () => {
    agent.start(engine);
    await until("the first sync", 10, () => plane.syncs.length >= 1);
    await plane.stop();
    plane.desired = [desiredReplica()];
    await plane.start();
    await reportIs("running");
    await until("the wake stream", 20, () => plane.wakeStreams() === 1);
  });
});

describe("the node's identity", () => {
  const identity = async () => JSON.parse(await readFile(join(agent.dataDir, "agent", "identity.json"), "utf8")) as { nodeId: string };

  test("is kept in a file only root can read, so that the token is needed once", async () => {
    agent.start(engine);
    await until("the first sync", 10, () => plane.syncs.length >= 1);
    await agent.stop();
    expect((await stat(join(agent.dataDir, "agent", "identity.json"))).mode & 0o777).toBe(0o600);
    const before = plane.syncs.length;
    agent.start(engine.successor());
    await until("a sync of the next agent", 10, () => plane.syncs.length > before);
    expect(plane.syncs.at(-1)?.nodeId).toBe("node-1");
  });

  test("is made anew with a valid token when the control plane lost it", async () => {
    agent.start(engine);
    await until("the first sync", 10, () => plane.syncs.length >= 1);
    plane.tokens.add("join-me");
    plane.credentials.set("node-1", "another");
    await until("a sync as the new node", 10, () => plane.syncs.at(-1)?.nodeId === "node-2");
    expect((await identity()).nodeId).toBe("node-2");
  });
});

describe("a job that writes checkpoints", () => {
  const checkpoint = { signal: "SIGUSR1", graceSeconds: 30, intervalSeconds: null };
  const run = async (changes: { graceSeconds?: number; intervalSeconds?: number } = {}) => {
    const spec = desiredReplica({ spec: { checkpoint: { ...checkpoint, ...changes } } });
    plane.desired = [spec];
    agent.start(engine);
    await until("it to run", 10, () => engine.get(ID)?.state === "running");
    return spec;
  };
  const signals = () => engine.calls.filter((call) => call.startsWith("signal"));
  const exit = () => reportIs("exited");

  test("is asked before it is stopped, and stopped as soon as it has acknowledged", async () => {
    const spec = await run();
    engine.checkpoints.set(ID, 1_000);
    await until("its earlier checkpoint to be told", 10, () => plane.report("7")?.checkpointAt === 1_000);
    engine.onSignal = async () => void engine.checkpoints.set(ID, 2_000);
    plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "stopped", checkpointAt: 2_000 });
    expect(engine.calls.slice(-2)).toEqual([`signal ${ID} SIGUSR1`, `stop ${ID} 30`]);
  });

  test("that does not answer is stopped when its grace is over", async () => {
    const spec = await run({ graceSeconds: 1 });
    plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "stopped" });
    expect(engine.calls.slice(-2)).toEqual([`signal ${ID} SIGUSR1`, `stop ${ID} 30`]);
  });

  test("is not waited for any more once it is cancelled, and a cancelled one is not asked at all", async () => {
    const spec = await run();
    plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    await until("the signal", 10, () => signals().length > 0);
    plane.desired = [{ ...spec, action: "stop" }];
    expect(await exit()).toMatchObject({ cause: "stopped" });
    expect(signals()).toHaveLength(1);
  });

  test("has what is left of its grace under the next agent", async () => {
    const spec = await run({ graceSeconds: 2 });
    plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    await until("the signal", 10, () => signals().length > 0);
    await agent.stop();
    expect(engine.get(ID)?.state).toBe("running");
    const next = engine.successor();
    agent.start(next);
    await until("the next agent to stop it", 10, () => next.get(ID)?.state === "exited");
    expect(next.calls.at(-1)).toBe(`stop ${ID} 30`);
  });

  test("and ends meanwhile has succeeded, unless it ended because it was asked", async () => {
    const spec = await run();
    engine.onSignal = async () => engine.exit(ID, { exitCode: 0 });
    plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "exited", exitCode: 0 });
    expect(engine.calls.filter((call) => call.startsWith("stop"))).toEqual([]);
  });

  test("is asked at every interval while it runs", async () => {
    await run({ intervalSeconds: 1 });
    await until("two requests", 10, () => signals().length >= 2);
    expect(engine.get(ID)?.state).toBe("running");
  });
});

test("a diagnostic that the control plane asks for runs when the GPU is in nobody's use, and its result is told", async () => {
  const asked: (string | null)[] = [];
  agent.diagnose = async (gpuUuid) => {
    asked.push(gpuUuid);
    return gpuUuid === HEALTHY_GPU ? null : "it is ill";
  };
  plane.desired = [desiredReplica({ spec: { gpuUuids: [HEALTHY_GPU] } })];
  agent.start(engine);
  await reportIs("running");
  plane.diagnose = [
    { gpuUuid: HEALTHY_GPU, since: 1, attempt: 1 },
    { gpuUuid: ILL_GPU, since: 2, attempt: 3 },
  ];
  const results = () => plane.syncs.flatMap(({ diagnostics }) => diagnostics ?? []);
  await until("the result of the idle one", 10, () => results().length > 0);
  plane.diagnose = plane.diagnose.slice(0, 1);
  expect(new Set(asked)).toEqual(new Set([ILL_GPU]));
  engine.exit(ID, {});
  await reportIs("exited");
  plane.desired = [];
  await until("the other", 10, () => results().some(({ gpuUuid }) => gpuUuid === HEALTHY_GPU));
  expect(results()).toContainEqual({ gpuUuid: HEALTHY_GPU, since: 1, attempt: 1, failure: null });
  expect(results()).toContainEqual({ gpuUuid: ILL_GPU, since: 2, attempt: 3, failure: "it is ill" });
});
