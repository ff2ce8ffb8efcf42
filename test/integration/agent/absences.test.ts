import { expect, test } from "vitest";
import { BerthError } from "../../../src/shared/domain/index.ts";
import { desiredReplica } from "../../support/desired-replica.ts";
import { until } from "../../support/poll.ts";
import { ID, testNode } from "../../support/test-node.ts";

const node = testNode();

test("the time limit strikes with the control plane away, and the next agent still tells the cause", async () => {
  node.plane.desired = [desiredReplica({ spec: { timeLimitSeconds: 1, stopGraceSeconds: 9 } })];
  // From the beginning: on a busy machine the second may be over before the report is seen.
  node.engine.beforeStop = () => new Promise(() => {});
  node.agent.start(node.engine);
  await node.reportIs("running");
  await node.plane.stop();
  await until("the time limit", 60, () => node.engine.calls.includes(`stop ${ID} 9`));
  await node.agent.stop();
  const next = node.engine.successor();
  node.agent.start(next);
  await until("the next agent to stop it, too", 60, () => next.get(ID)?.state === "exited");
  await node.plane.start();
  expect(await node.reportIs("exited")).toMatchObject({ cause: "time-limit", exitCode: 143 });
});

test("containers go on without an agent, and the next one adopts them with log and exit", async () => {
  node.plane.desired = [desiredReplica()];
  node.agent.start(node.engine);
  await node.reportIs("running");
  await node.engine.print(ID, "before\n");
  await until("the log", 60, () => node.plane.logs.get("7/1/0")?.toString() === "before\n");
  await node.agent.stop();
  expect(node.engine.get(ID)?.state).toBe("running");
  const next = node.engine.successor();
  await next.print(ID, "between\n");
  node.agent.start(next);
  await node.reportIs("running");
  await next.print(ID, "after\n");
  next.exit(ID, { exitCode: 0 });
  await node.reportIs("exited");
  expect(node.plane.logs.get("7/1/0")?.toString()).toBe("before\nbetween\nafter\n");
  expect(next.calls).toEqual([]);
});

test("the exit is told only after the last log byte, or when the log is refused for too long", async () => {
  node.plane.desired = [desiredReplica()];
  node.agent.start(node.engine);
  await node.reportIs("running");
  node.plane.beforeLog = () => {
    throw new BerthError("insufficient_storage", "disk is full");
  };
  await node.engine.print(ID, "last words\n");
  node.engine.exit(ID, { exitCode: 1 });
  const before = node.plane.syncs.length;
  await until("more syncs", 60, () => node.plane.syncs.length > before + 5);
  expect(node.plane.report("7")?.state).toBe("running");
  const report = await until("the exit all the same", 60, () =>
    node.plane.report("7")?.state === "exited" ? node.plane.report("7") : null,
  );
  expect(report).toMatchObject({ exitCode: 1, message: "the end of its log could not be sent in time" });
  node.plane.beforeLog = () => {};
  await until("the log all the same", 60, () => node.plane.logs.get("7/1/0")?.toString() === "last words\n");
});
