import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BerthError } from "../../../src/shared/domain/index.ts";
import { desiredReplica } from "../../support/desired-replica.ts";
import { until } from "../../support/poll.ts";
import { HEALTHY_GPU, ILL_GPU } from "../../support/test-agent.ts";
import { ID, testNode } from "../../support/test-node.ts";

const node = testNode();

describe("a node with a control plane", () => {
  test("joins, runs what is wanted under its lease, reports the exit code and forgets it when it is not wanted any more", async () => {
    node.plane.desired = [desiredReplica({ spec: { env: { A: "b" }, args: ["x"] } })];
    node.agent.start(node.engine);
    await node.reportIs("running");
    const request = node.engine.requests.get(ID);
    expect(request).toMatchObject({
      image: "digits:latest",
      args: ["x"],
      env: { A: "b" },
      labels: { "berth.job": "7", "berth.epoch": "1", "berth.rank": "0" },
      hostname: "digits-0",
    });
    await node.engine.print(ID, "2026-01-01T00:00:00Z stdout F hello\n");
    node.engine.exit(ID, { exitCode: 3, usage: { cpuSeconds: 1, peakMemoryBytes: 2, peakGpuMemoryBytes: null } });
    expect(await node.reportIs("exited")).toMatchObject({
      cause: "exited",
      exitCode: 3,
      usage: { cpuSeconds: 1 },
      startedAt: expect.any(Number),
    });
    expect(node.plane.logs.get("7/1/0")?.toString()).toContain("hello");
    node.plane.desired = [];
    await until("the container to be removed", 60, () => node.engine.get(ID) === null);
    await until("the report to end", 60, () => node.plane.report("7") === undefined);
    expect(await readdir(join(node.agent.dataDir, "agent", "replicas"))).toEqual([]);
  });

  test("asks for the digest that the control plane says the image's name means", async () => {
    const imageDigest = `sha256:${"a".repeat(64)}`;
    node.plane.desired = [desiredReplica({ spec: { image: "registry.example:5000/team/digits:2", imageDigest } })];
    node.agent.start(node.engine);
    await node.reportIs("running");
    expect(node.engine.requests.get(ID)).toMatchObject({ image: `registry.example:5000/team/digits@${imageDigest}` });
  });

  test("computes the lease from its own send time, however slow the answer", async () => {
    node.plane.leaseSeconds = 5;
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await node.reportIs("running");
    await until("two renewals", 60, () => node.plane.syncs.length > 4);
    const newest = Math.max(...node.plane.syncs.map(({ sentAt }) => sentAt));
    expect(node.engine.leases.get(ID)).toBeLessThanOrEqual(newest + 5_000);
    expect(node.plane.syncs.some(({ sentAt }) => node.engine.leases.get(ID) === sentAt + 5_000)).toBe(true);
  });

  test("does not start what comes in an answer that is older than its lease", async () => {
    node.plane.leaseSeconds = 0.1;
    node.plane.beforeSync = () => new Promise((resolve) => setTimeout(resolve, 150));
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await until("three syncs", 60, () => node.plane.syncs.length >= 3);
    expect(node.engine.calls).toEqual([]);
    node.plane.beforeSync = () => {};
    node.plane.leaseSeconds = 60;
    await node.reportIs("running");
  });

  test("a stop asked for ends as stopped, with the grace of the job", async () => {
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await node.reportIs("running");
    node.plane.desired = [desiredReplica({ action: "stop" })];
    expect(await node.reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: 143 });
    expect(node.engine.calls).toContain(`stop ${ID} 30`);
  });

  test("a stop before the start is reported as ended, and nothing ran", async () => {
    node.plane.desired = [desiredReplica({ action: "stop" })];
    node.agent.start(node.engine);
    expect(await node.reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: null });
    expect(node.engine.calls).toEqual([]);
  });

  test("an image that takes minutes to unpack blocks no heartbeat, and its start can be called off", async () => {
    node.agent.unpack = (_image, progress, signal) => {
      progress({ step: "unpacking", detail: "layer 1" });
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await until("the progress in the report", 60, () => node.plane.report("7")?.message === "unpacking layer 1");
    const before = node.plane.syncs.length;
    await until("more syncs", 60, () => node.plane.syncs.length > before + 3);
    node.plane.desired = [desiredReplica({ action: "stop" })];
    expect(await node.reportIs("exited")).toMatchObject({ cause: "stopped", exitCode: null, startedAt: null });
    expect(node.engine.calls).toEqual([]);
  });

  test("a failed start is reported with code and text and is not tried again", async () => {
    node.engine.beforeRun = async () => {
      throw new BerthError("mount_forbidden", "/etc is not an allowed folder");
    };
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    expect(await node.reportIs("exited")).toMatchObject({
      cause: "start-failed",
      exitCode: null,
      message: "mount_forbidden: /etc is not an allowed folder",
    });
    const before = node.plane.syncs.length;
    await until("more syncs", 60, () => node.plane.syncs.length > before + 3);
    expect(node.engine.calls).toEqual([`run ${ID}`]);
  });

  test("a GPU never goes to two live containers of this node", async () => {
    node.plane.desired = [desiredReplica({ spec: { gpuUuids: [HEALTHY_GPU] } })];
    node.agent.start(node.engine);
    await node.reportIs("running");
    node.plane.desired = [
      ...node.plane.desired,
      desiredReplica({ jobId: "8", spec: { gpuUuids: [HEALTHY_GPU] } }),
      desiredReplica({ jobId: "9", spec: { gpuUuids: [ILL_GPU] } }),
    ];
    expect((await node.reportIs("exited", "8")).message).toBe(`gpu_unavailable: GPU ${HEALTHY_GPU} is in use by ${ID}`);
    expect((await node.reportIs("exited", "9")).message).toBe(`gpu_unavailable: GPU ${ILL_GPU} is not healthy`);
  });

  test("a higher epoch starts only after the lower one has ended", async () => {
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await node.reportIs("running");
    let release = () => {};
    node.engine.beforeStop = () => new Promise((resolve) => (release = resolve));
    node.plane.desired = [desiredReplica({ epoch: 2 })];
    await until("the stop of epoch 1", 60, () => node.engine.calls.includes(`stop ${ID} 30`));
    const before = node.plane.syncs.length;
    await until("more syncs", 60, () => node.plane.syncs.length > before + 3);
    expect(node.engine.calls).not.toContain("run job-7-2-0");
    release();
    await node.reportIs("running", "7", 2);
  });

  test("OOM, lease expiry and a lost monitor are passed on as they are", async () => {
    node.plane.desired = [desiredReplica(), desiredReplica({ jobId: "8" }), desiredReplica({ jobId: "9" })];
    node.agent.start(node.engine);
    for (const job of ["7", "8", "9"]) await node.reportIs("running", job);
    node.engine.exit("job-7-1-0", { cause: "oom", exitCode: 137 });
    node.engine.exit("job-8-1-0", { cause: "lease-expired", exitCode: 137 });
    node.engine.exit("job-9-1-0", { cause: "lost", exitCode: null });
    expect((await node.reportIs("exited", "7")).cause).toBe("oom");
    expect((await node.reportIs("exited", "8")).cause).toBe("lease-expired");
    expect(await node.reportIs("exited", "9")).toMatchObject({ cause: "lost", exitCode: null });
  });
});

describe("the connection", () => {
  test("a wake line brings a sync at once", async () => {
    node.plane.intervalSeconds = 600;
    node.agent.start(node.engine);
    await until("the first sync and the wake stream", 60, () => node.plane.syncs.length >= 1 && node.plane.wakeStreams() === 1);
    node.plane.desired = [desiredReplica()];
    node.plane.wake();
    await node.reportIs("running");
  });

  test("a change here is told at once, not at the next interval", async () => {
    node.plane.intervalSeconds = 600;
    node.plane.desired = [desiredReplica()];
    node.agent.start(node.engine);
    await node.reportIs("running");
    node.engine.exit(ID, { exitCode: 0 });
    await node.reportIs("exited");
  });

  test("a control plane that goes away and comes back finds the node again, wake stream included", async () => {
    node.agent.start(node.engine);
    await until("the first sync", 60, () => node.plane.syncs.length >= 1);
    await node.plane.stop();
    node.plane.desired = [desiredReplica()];
    await node.plane.start();
    await node.reportIs("running");
    await until("the wake stream", 60, () => node.plane.wakeStreams() === 1);
  });
});

describe("the node's identity", () => {
  const identity = async () => JSON.parse(await readFile(join(node.agent.dataDir, "agent", "identity.json"), "utf8")) as { nodeId: string };

  test("is kept in a file only root can read, so that the token is needed once", async () => {
    node.agent.start(node.engine);
    await until("the first sync", 60, () => node.plane.syncs.length >= 1);
    await node.agent.stop();
    expect((await stat(join(node.agent.dataDir, "agent", "identity.json"))).mode & 0o777).toBe(0o600);
    const before = node.plane.syncs.length;
    node.agent.start(node.engine.successor());
    await until("a sync of the next agent", 60, () => node.plane.syncs.length > before);
    expect(node.plane.syncs.at(-1)?.nodeId).toBe("node-1");
  });

  test("is made anew with a valid token when the control plane lost it", async () => {
    node.agent.start(node.engine);
    await until("the first sync", 60, () => node.plane.syncs.length >= 1);
    node.plane.tokens.add("join-me");
    node.plane.credentials.set("node-1", "another");
    await until("a sync as the new node", 60, () => node.plane.syncs.at(-1)?.nodeId === "node-2");
    expect((await identity()).nodeId).toBe("node-2");
  });
});

test("a diagnostic that the control plane asks for runs when the GPU is in nobody's use, and its result is told", async () => {
  const asked: (string | null)[] = [];
  node.agent.diagnose = async (gpuUuid) => {
    asked.push(gpuUuid);
    return gpuUuid === HEALTHY_GPU ? null : "it is ill";
  };
  node.plane.desired = [desiredReplica({ spec: { gpuUuids: [HEALTHY_GPU] } })];
  node.agent.start(node.engine);
  await node.reportIs("running");
  node.plane.diagnose = [
    { gpuUuid: HEALTHY_GPU, since: 1, attempt: 1 },
    { gpuUuid: ILL_GPU, since: 2, attempt: 3 },
  ];
  const results = () => node.plane.syncs.flatMap(({ diagnostics }) => diagnostics ?? []);
  await until("the result of the idle one", 60, () => results().length > 0);
  node.plane.diagnose = node.plane.diagnose.slice(0, 1);
  expect(new Set(asked)).toEqual(new Set([ILL_GPU]));
  node.engine.exit(ID, {});
  await node.reportIs("exited");
  node.plane.desired = [];
  await until("the other", 60, () => results().some(({ gpuUuid }) => gpuUuid === HEALTHY_GPU));
  expect(results()).toContainEqual({ gpuUuid: HEALTHY_GPU, since: 1, attempt: 1, failure: null });
  expect(results()).toContainEqual({ gpuUuid: ILL_GPU, since: 2, attempt: 3, failure: "it is ill" });
});
