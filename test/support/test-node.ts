import { afterEach, beforeEach } from "vitest";
import type { ReplicaReport } from "../../src/shared/wire/index.ts";
import { createFakeControlPlane, type FakeControlPlane } from "./fake-control-plane.ts";
import { createFakeEngine, type FakeEngine } from "./fake-engine.ts";
import { until } from "./poll.ts";
import { createTestAgent, type TestAgent } from "./test-agent.ts";

/** The one replica of job 7's first attempt. */
export const ID = "job-7-1-0";

/** A real agent between a control plane and an engine that do as the test says; made anew for each test. */
export interface TestNode {
  plane: FakeControlPlane;
  engine: FakeEngine;
  agent: TestAgent;
  /** Waits until the agent tells of the job's replica that it is in this state. */
  reportIs(state: string, job?: string, epoch?: number): Promise<ReplicaReport>;
}

/** Registers the hooks that make and remove it. */
export function testNode(): TestNode {
  const node: TestNode = {
    ...({} as Pick<TestNode, "plane" | "engine" | "agent">),
    reportIs: (state, job = "7", epoch = 1) =>
      until(`job ${job} epoch ${epoch} to be reported ${state}`, 60, () => {
        const report = node.plane.report(job, epoch);
        return report?.state === state ? report : null;
      }),
  };
  beforeEach(async () => {
    node.plane = await createFakeControlPlane();
    node.engine = await createFakeEngine();
    node.agent = await createTestAgent(node.plane.url);
  });
  afterEach(async () => {
    await node.agent.dispose();
    await node.plane.stop();
    await node.engine.dispose();
  });
  return node;
}
