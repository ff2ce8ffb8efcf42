import type { ClusterCase } from "./cluster-case.ts";

const T4 = { model: "Tesla T4", memoryBytes: 16 * 2 ** 30, computeCapability: "7.5" };
const A10 = { model: "NVIDIA A10", memoryBytes: 24 * 2 ** 30, computeCapability: "8.6" };

export const RULE_CASES: ClusterCase[] = [
  {
    name: "a memory range takes neither too small nor too large a GPU",
    nodes: { a: { gpus: 1 }, b: { gpus: 1, gpu: T4 }, c: { gpus: 1, gpu: A10 } },
    queue: { 1: { gpus: 1, gpuMemoryGi: 20, gpuMemoryMaxGi: 40 } },
    placed: { 1: ["c:0"] },
  },
  {
    name: "a memory range that nobody has names what there is",
    nodes: { a: { gpus: 1 }, b: { gpus: 1, gpu: T4 } },
    queue: { 1: { gpus: 1, gpuMemoryGi: 20, gpuMemoryMaxGi: 40 } },
    waits: { 1: "no node has a GPU with 20.0 GiB to 40.0 GiB of memory (there are: 16.0 GiB, 80.0 GiB)" },
  },
  {
    name: "a job goes where its user namespace is",
    nodes: { a: { userns: ["host"] }, b: { userns: ["private"] } },
    queue: { 1: { userns: "private" }, 2: { userns: "host" }, 3: {} },
    placed: { 1: ["b"], 2: ["a"], 3: ["a"] },
  },
  {
    name: "a node of an older agent gets the job that asks for a user namespace, and judges",
    nodes: { a: { userns: ["host"] }, b: {} },
    queue: { 1: { userns: "private" } },
    placed: { 1: ["b"] },
  },
  {
    name: "no node has user namespaces",
    nodes: { a: { userns: ["host"] }, b: { userns: ["host"] } },
    queue: { 1: { userns: "private" } },
    waits: { 1: "can never fit: 2 without user namespaces" },
  },
  {
    name: "operators forbid the host's user namespace",
    nodes: { a: { userns: ["private"] } },
    queue: { 1: { userns: "host" } },
    waits: { 1: "can never fit: 1 closed to the host's user namespace" },
  },
  {
    name: "an old GPU is passed over for its compute capability",
    nodes: { a: { gpus: 2, gpu: T4 }, b: { gpus: 2 } },
    queue: { 1: { gpus: 1, conditions: ["compute-capability >= 8.0"] } },
    placed: { 1: ["b:0"] },
  },
  {
    name: "compute capability 8.10 is above 8.9",
    nodes: { a: { gpus: 1, gpu: { computeCapability: "8.10" } } },
    queue: { 1: { gpus: 1, conditions: ["compute-capability > 8.9"] } },
    placed: { 1: ["a:0"] },
  },
  {
    name: "no GPU is new enough",
    nodes: { a: { gpus: 1, gpu: T4 }, b: { gpus: 1 } },
    queue: { 1: { gpus: 1, conditions: ["compute-capability >= 9.0"] } },
    waits: { 1: "no GPU will do: 1 compute capability 7.5 < 9.0, 1 compute capability 8.0 < 9.0" },
  },
  {
    name: "no driver is new enough: counted in GPUs",
    nodes: { a: { gpus: 2, driver: "535.104" }, b: { gpus: 1, driver: "470.57" } },
    queue: { 1: { gpus: 1, conditions: ["driver >= 550"] } },
    waits: { 1: "no GPU will do: 2 driver 535.104 < 550, 1 driver 470.57 < 550" },
  },
  {
    name: "a node whose driver is unknown does not meet a condition on it",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 1, conditions: ["cuda >= 12.4"] } },
    waits: { 1: "no GPU will do: 1 CUDA unknown, >= 12.4 asked" },
  },
  {
    name: "an image made for one CPU architecture runs on nodes of it, or of none that is known",
    nodes: { a: { architecture: "arm64" }, b: { architecture: "amd64" }, c: {} },
    queue: { 1: { imageFor: ["amd64"], cpus: 64 }, 2: { imageFor: ["amd64"], cpus: 64 }, 3: { imageFor: ["amd64", "arm64"], cpus: 64 } },
    placed: { 1: ["b"], 2: ["c"], 3: ["a"] },
  },
  {
    name: "an image made for no CPU architecture there is",
    nodes: { a: { architecture: "arm64" }, b: { architecture: "arm64" } },
    queue: { 1: { imageFor: ["amd64", "s390x"] } },
    waits: { 1: "can never fit: 2 CPU architecture arm64, the image is for amd64, s390x" },
  },
  {
    name: "what the image requires is one alternative of each requirement",
    nodes: { a: { gpus: 1, driver: "535.104", cuda: "12.2" }, b: { gpus: 1, driver: "550.54", cuda: "12.4", gpu: T4 } },
    queue: { 1: { gpus: 1, image: [[["cuda >= 12.4"], ["brand = tesla", "driver >= 535"]]] } },
    placed: { 1: ["a:0"] },
  },
  {
    name: "an image of NVIDIA's runs where its exception for data-centre GPUs holds, and nowhere else on that driver",
    nodes: {
      a: { gpus: 1, driver: "535.104", cuda: "12.2", gpu: { model: "NVIDIA GeForce RTX 4090" } },
      b: { gpus: 1, driver: "535.104", cuda: "12.2", gpu: { model: "NVIDIA H100 80GB HBM3" } },
    },
    queue: {
      1: { gpus: 1, image: [[["cuda >= 12.4"], ["brand = tesla", "driver >= 535", "driver < 536"]]] },
      2: { gpus: 1, image: [[["cuda >= 12.4"], ["brand = tesla", "driver >= 535", "driver < 536"]]] },
    },
    placed: { 1: ["b:0"] },
    waits: { 2: "needs 1 GPU on one node; b has 0 free of 1 (job 1 uses 1)" },
  },
  {
    name: "what an image requires of a driver that is not known is left to the node, as NVIDIA's own tools do",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 1, image: [[["cuda >= 12.4"]]] } },
    placed: { 1: ["a:0"] },
  },
  {
    name: "an image that asks for more than any driver has",
    nodes: { a: { gpus: 1, driver: "535.104", cuda: "12.2" } },
    queue: { 1: { gpus: 1, image: [[["cuda >= 12.4"]]] } },
    waits: { 1: "no GPU will do: 1 CUDA 12.2 < 12.4" },
  },
  {
    name: "CPU architecture",
    nodes: { a: { architecture: "amd64" }, b: { architecture: "arm64" } },
    queue: { 1: { rules: { architecture: "arm64" } } },
    placed: { 1: ["b"] },
  },
  {
    name: "free disk",
    nodes: { a: { diskFreeGi: 10 }, b: { diskFreeGi: 200 } },
    queue: { 1: { rules: { diskBytes: 100 * 2 ** 30 } }, 2: { rules: { diskBytes: 500 * 2 ** 30 } } },
    placed: { 1: ["b"] },
    waits: { 2: "can never fit: 2 less than 500.0 GiB of disk free" },
  },
  {
    name: "a node selector asks for every label",
    nodes: { a: { labels: { zone: "x" } }, b: { labels: { zone: "x", disk: "nvme" } } },
    queue: { 1: { rules: { nodeSelector: { zone: "x", disk: "nvme" } } } },
    placed: { 1: ["b"] },
  },
  {
    name: "nobody has the label",
    nodes: { a: {}, b: { labels: { zone: "y" } } },
    queue: { 1: { rules: { nodeSelector: { zone: "x" } } } },
    waits: { 1: "can never fit: 2 without label zone=x" },
  },
  {
    name: "a label named like what every object has by birth is not there",
    nodes: { a: {} },
    queue: { 1: { rules: { nodeSelector: { constructor: "x" } } } },
    waits: { 1: "can never fit: 1 without label constructor=x" },
  },
  {
    name: "a taint keeps jobs away unless they tolerate it",
    nodes: { a: { taints: { team: "vision" } } },
    queue: { 1: {}, 2: { rules: { tolerations: [{ key: "team", value: "vision" }] } } },
    placed: { 2: ["a"] },
    waits: { 1: "can never fit: 1 tainted team=vision" },
  },
  {
    name: "a toleration without a value tolerates every value, another value does not",
    nodes: { a: { taints: { team: "vision" } } },
    queue: {
      1: { rules: { tolerations: [{ key: "team", value: null }] } },
      2: { rules: { tolerations: [{ key: "team", value: "speech" }] } },
    },
    placed: { 1: ["a"] },
    waits: { 2: "can never fit: 1 tainted team=vision" },
  },
  {
    name: "excluded nodes are not used",
    nodes: { a: {}, b: {} },
    queue: { 1: { rules: { excludedNodes: ["a"] } } },
    placed: { 1: ["b"] },
  },
  {
    name: "nothing is placed on a cordoned node",
    nodes: { a: { gpus: 8, closed: "cordoned" }, b: { gpus: 2 } },
    queue: { 1: { gpus: 1 }, 2: { gpus: 4 } },
    placed: { 1: ["b:0"] },
    waits: { 2: "waiting for a to be opened (cordoned)" },
  },
  {
    name: "a quarantined GPU is left out, its node goes on",
    nodes: { a: { gpus: 2, sick: { 0: "quarantined: 3 failures of 2 jobs" } } },
    queue: { 1: { gpus: 1 }, 2: { gpus: 2 } },
    placed: { 1: ["a:1"] },
    waits: { 2: "needs 2 GPUs on one node; a has 1 usable of 2 (GPU 0: quarantined: 3 failures of 2 jobs)" },
  },
  {
    name: "a quarantined node waits for its release",
    nodes: { a: { gpus: 2, closed: "quarantined: 3 failures of 2 jobs" } },
    queue: { 1: { gpus: 1 } },
    waits: { 1: "waiting for a to be opened (quarantined: 3 failures of 2 jobs)" },
  },
  {
    name: "a job keeps away from the GPU that failed it",
    nodes: { a: { gpus: 2 } },
    queue: { 1: { gpus: 1, avoid: ["a:0"] } },
    placed: { 1: ["a:1"] },
  },
  {
    name: "a job keeps away from the node that failed it, and waits for the other",
    nodes: { a: { gpus: 1 }, b: { gpus: 1 } },
    running: { 1: { on: ["b:0"] } },
    queue: { 2: { gpus: 1, avoid: ["a"] } },
    waits: { 2: "needs 1 GPU on one node; b has 0 free of 1 (job 1 uses 1)" },
  },
  {
    name: "where there is no other node, the one that failed it is tried again",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 1, avoid: ["a"] } },
    placed: { 1: ["a:0"] },
  },
];
