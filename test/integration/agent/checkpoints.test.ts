import { describe, expect, test } from "vitest";
import { desiredReplica } from "../../support/desired-replica.ts";
import { until } from "../../support/poll.ts";
import { ID, testNode } from "../../support/test-node.ts";

const node = testNode();

describe("a job that writes checkpoints", () => {
  const checkpoint = { signal: "SIGUSR1", graceSeconds: 30, intervalSeconds: null };
  const run = async (changes: { graceSeconds?: number; intervalSeconds?: number } = {}) => {
    const spec = desiredReplica({ spec: { checkpoint: { ...checkpoint, ...changes } } });
    node.plane.desired = [spec];
    node.agent.start(node.engine);
    await until("it to run", 60, () => node.engine.get(ID)?.state === "running");
    return spec;
  };
  const signals = () => node.engine.calls.filter((call) => call.startsWith("signal"));
  const exit = () => node.reportIs("exited");

  test("is asked before it is stopped, and stopped as soon as it has acknowledged", async () => {
    const spec = await run();
    node.engine.checkpoints.set(ID, 1_000);
    await until("its earlier checkpoint to be told", 60, () => node.plane.report("7")?.checkpointAt === 1_000);
    node.engine.onSignal = async () => void node.engine.checkpoints.set(ID, 2_000);
    node.plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "stopped", checkpointAt: 2_000 });
    expect(node.engine.calls.slice(-2)).toEqual([`signal ${ID} SIGUSR1`, `stop ${ID} 30`]);
  });

  test("that does not answer is stopped when its grace is over", async () => {
    const spec = await run({ graceSeconds: 1 });
    node.plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "stopped" });
    expect(node.engine.calls.slice(-2)).toEqual([`signal ${ID} SIGUSR1`, `stop ${ID} 30`]);
  });

  test("is not waited for any more once it is cancelled, and a cancelled one is not asked at all", async () => {
    const spec = await run();
    node.plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    await until("the signal", 60, () => signals().length > 0);
    node.plane.desired = [{ ...spec, action: "stop" }];
    expect(await exit()).toMatchObject({ cause: "stopped" });
    expect(signals()).toHaveLength(1);
  });

  test("has what is left of its grace under the next agent", async () => {
    const spec = await run({ graceSeconds: 4 });
    node.plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    await until("the signal", 60, () => signals().length > 0);
    await node.agent.stop();
    expect(node.engine.get(ID)?.state).toBe("running");
    const next = node.engine.successor();
    node.agent.start(next);
    await until("the next agent to stop it", 60, () => next.get(ID)?.state === "exited");
    expect(next.calls.at(-1)).toBe(`stop ${ID} 30`);
  });

  test("and ends meanwhile has succeeded, unless it ended because it was asked", async () => {
    const spec = await run();
    node.engine.onSignal = async () => node.engine.exit(ID, { exitCode: 0 });
    node.plane.desired = [{ ...spec, action: "stop", checkpointFirst: true }];
    expect(await exit()).toMatchObject({ cause: "exited", exitCode: 0 });
    expect(node.engine.calls.filter((call) => call.startsWith("stop"))).toEqual([]);
  });

  test("is asked at every interval while it runs", async () => {
    await run({ intervalSeconds: 1 });
    await until("two requests", 60, () => signals().length >= 2);
    expect(node.engine.get(ID)?.state).toBe("running");
  });
});
