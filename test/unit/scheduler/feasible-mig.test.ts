import { expect, test } from "vitest";
import { nodeCapacity } from "../../../src/control/scheduler/index.ts";
import { factsOf, gpuOf } from "../../support/control-samples.ts";

const record = (mig: { enabled: boolean; devices: [] } | null) => ({
  id: "n",
  name: "n",
  address: "10.0.0.1",
  facts: { ...factsOf("n", 0), gpus: [gpuOf("n", 0, { mig })] },
  incarnation: "i",
  bootId: "b",
  joinedAt: 0,
  lastSeenAt: 0,
  state: "ready" as const,
});

test("a GPU that is split into MIG devices is not offered whole, and says so", () => {
  expect(nodeCapacity(record({ enabled: true, devices: [] })).gpus[0]).toMatchObject({ healthy: false, problem: "split into MIG devices" });
});

test.each([[null], [{ enabled: false, devices: [] as [] }]])("a GPU with MIG off is offered", (mig) => {
  expect(nodeCapacity(record(mig)).gpus[0]?.healthy).toBe(true);
});
