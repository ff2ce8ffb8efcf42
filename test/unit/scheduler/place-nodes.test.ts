import { describe, expect, test } from "vitest";
import { type ClusterSnapshot, decide, type NodeCapacity, type PendingJob } from "../../../src/control/scheduler/index.ts";
import { GIB, gpuOf, resourcesOf } from "../../support/control-samples.ts";

const NOW = 1_700_000_000_000;

function node(id: string, gpus: number, changes: Partial<NodeCapacity> = {}): NodeCapacity {
  return {
    ...{ id, name: id, address: "10.0.0.1", state: "ready", lastSeenAt: NOW, cpuMillis: 64_000, memoryBytes: 256 * GIB },
    gpus: Array.from({ length: gpus }, (_, index) => gpuOf(id, index)),
    ...changes,
  };
}

function job(id: string, gpus: number, changes: Partial<PendingJob> = {}): PendingJob {
  return { id, priority: 0, queuedAt: NOW, replicas: 1, resources: resourcesOf({ gpus }), ...changes };
}

function places(snapshot: Omit<ClusterSnapshot, "active">): (string | undefined)[] {
  return decide({ active: [], ...snapshot }, NOW)
    .placements.toSorted((left, right) => Number(left.jobId) - Number(right.jobId))
    .map(({ assignments }) => assignments[0]?.nodeId);
}

describe("the choice of nodes", () => {
  test("packs by default, and a pool told to spread takes its emptiest node", () => {
    const nodes = [node("a", 4), node("b", 4)];
    const pending = [job("1", 1), job("2", 1)];
    expect(places({ nodes, pending })).toEqual(["a", "a"]);
    expect(places({ nodes, pending, placement: { kind: "spread" } })).toEqual(["a", "b"]);
    const pooled = nodes.map((entry) => ({ ...entry, labels: { "berth.pool": "inference" } }));
    expect(places({ nodes: pooled, pending, placement: { byPool: { inference: "spread" } } })).toEqual(["a", "b"]);
    expect(places({ nodes: pooled, pending, placement: { byPool: { training: "spread" } } })).toEqual(["a", "a"]);
  });

  test("prefers the node that has the image's layers, but does not break a free node for it", () => {
    const imageLayers = [{ key: "aa", sizeBytes: 8 * GIB }];
    const [cold, warm] = [node("a", 2), node("b", 2, { imageLayers: ["aa"] })];
    expect(places({ nodes: [cold, warm], pending: [job("1", 1, { imageLayers })] })).toEqual(["b"]);
    expect(places({ nodes: [cold, warm], pending: [job("1", 1)] })).toEqual(["a"]);
    const whole = [node("a", 2), node("b", 4, { imageLayers: ["aa"] })];
    expect(places({ nodes: whole, pending: [job("1", 2, { imageLayers }), job("2", 4)] })).toEqual(["a", "b"]);
  });

  test("gives small jobs the nodes that large ones cannot use", () => {
    const nodes = [node("a", 8), node("b", 2)];
    expect(places({ nodes, pending: [job("1", 1), job("2", 8)] })).toEqual(["b", "a"]);
  });

  test("leaves the model that others ask for to them", () => {
    const h100 = node("a", 4, { gpus: [0, 1, 2, 3].map((index) => gpuOf("a", index, { model: "NVIDIA H100" })) });
    const picky = job("2", 4, { resources: resourcesOf({ gpus: 4, gpuModel: "h100" }) });
    expect(places({ nodes: [h100, node("b", 4)], pending: [job("1", 4), picky] })).toEqual(["b", "a"]);
  });
});
