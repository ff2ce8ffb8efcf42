import type { NodeFacts } from "../../../src/shared/domain/index.ts";
import { AGENT_PROTOCOL_VERSION, type ReplicaReport, type SyncRequest } from "../../../src/shared/wire/index.ts";

const FACTS: NodeFacts = {
  hostname: "host",
  os: "Debian 12",
  kernel: "6.18",
  architecture: "x64",
  cpus: 8,
  memoryBytes: 64 * 2 ** 30,
  diskFreeBytes: 1e11,
  diskTotalBytes: 1e12,
  cgroupMode: "v2",
  runtime: "crun 1.8.1",
  berthVersion: "0.1.0",
  driverVersion: null,
  cudaVersion: null,
  gpus: [1, 2].map((index) => ({
    uuid: `GPU-${index}`,
    index,
    minor: index,
    pciBusId: `0000:0${index}:00.0`,
    model: "NVIDIA H200",
    memoryBytes: 141e9,
    computeCapability: "9.0",
    healthy: index === 1,
    problem: index === 1 ? null : "fell off the bus",
    numaNode: null,
    nvlinks: [],
    mig: null,
  })),
  simulatedGpus: false,
};

let sentAt = 1;

/** What an agent with two GPUs, one of them ill, sends; each later than the one before. */
export function syncRequest(nodeId: string, replicas: ReplicaReport[] = []): SyncRequest {
  sentAt += 1;
  return {
    protocol: AGENT_PROTOCOL_VERSION,
    nodeId,
    incarnation: "i1",
    bootId: "b1",
    sentAt,
    address: "127.0.0.1",
    facts: FACTS,
    replicas,
  };
}
