import type { Gpu, JobSpec, NodeFacts, ResourceRequest } from "../../src/shared/domain/index.ts";

/** Small specs, facts and GPUs: name only what the test is about. */
export const GIB = 2 ** 30;

export function resourcesOf(changes: Partial<ResourceRequest> = {}): ResourceRequest {
  return { gpus: 0, gpuModel: null, gpuMemoryBytes: null, cpuMillis: 1000, memoryBytes: GIB, shmBytes: null, ...changes };
}

export function specOf(changes: Partial<Omit<JobSpec, "resources">> & { resources?: Partial<ResourceRequest> } = {}): JobSpec {
  return {
    name: "train",
    image: "trainer:1",
    command: null,
    args: null,
    env: {},
    workdir: null,
    replicas: 1,
    priority: 0,
    project: "default",
    timeLimitSeconds: null,
    stopGraceSeconds: 30,
    retries: 0,
    mounts: [],
    network: "bridge",
    labels: {},
    ...changes,
    resources: resourcesOf(changes.resources),
  };
}

export function gpuOf(node: string, index: number, changes: Partial<Gpu> = {}): Gpu {
  return {
    uuid: `GPU-${node}-${index}`,
    index,
    minor: index,
    pciBusId: `0000:0${index}:00.0`,
    model: "NVIDIA A100-SXM4-80GB",
    memoryBytes: 80 * GIB,
    computeCapability: "8.0",
    healthy: true,
    problem: null,
    numaNode: null,
    nvlinks: [],
    mig: null,
    ...changes,
  };
}

export function factsOf(node: string, gpus: number, changes: Partial<NodeFacts> = {}): NodeFacts {
  return {
    hostname: node,
    os: "Debian GNU/Linux 12",
    kernel: "6.1.0",
    architecture: "x86_64",
    cpus: 16,
    memoryBytes: 64 * GIB,
    diskFreeBytes: 100 * GIB,
    diskTotalBytes: 200 * GIB,
    cgroupMode: "v2",
    runtime: "crun 1.8.1",
    berthVersion: "0.1.0",
    driverVersion: null,
    cudaVersion: null,
    gpus: Array.from({ length: gpus }, (_, index) => gpuOf(node, index)),
    simulatedGpus: false,
    ...changes,
  };
}
