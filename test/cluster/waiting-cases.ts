import type { ClusterCase } from "./cluster-case.ts";

export const WAITING_CASES: ClusterCase[] = [
  {
    name: "no node at all",
    nodes: {},
    queue: { 1: {} },
    waits: { 1: "no node has joined yet" },
  },
  {
    name: "who has the GPUs that are missing",
    nodes: { "node-a": { gpus: 4 }, "node-b": { gpus: 8 } },
    running: { 11: { on: ["node-a:0,1"] }, 12: { on: ["node-b:0,1,2,3,4,5,6,7"] } },
    queue: { 13: { gpus: 4 } },
    waits: { 13: "needs 4 GPUs on one node; node-a has 2 free of 4 (job 11 uses 2), node-b has 0 free of 8 (job 12 uses 8)" },
  },
  {
    name: "a model that nobody has",
    nodes: { a: { gpus: 1 }, b: { gpus: 1, gpu: { model: "Tesla T4" } } },
    queue: { 1: { gpus: 1, model: "h100" } },
    waits: { 1: "no node has a GPU whose model contains 'h100' (there are: NVIDIA A100-SXM4-80GB, Tesla T4)" },
  },
  {
    name: "GPUs asked of machines without",
    nodes: { a: {} },
    queue: { 1: { gpus: 1 } },
    waits: { 1: "needs 1 GPU; no node has one" },
  },
  {
    name: "GPU memory that nobody has",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 1, gpuMemoryGi: 141 } },
    waits: { 1: "no node has a GPU with 141.0 GiB of memory (the largest has 80.0 GiB)" },
  },
  {
    name: "more GPUs than any node has",
    nodes: { a: { gpus: 8 }, b: { gpus: 4 } },
    queue: { 1: { gpus: 16 } },
    waits: { 1: "can never fit: 16 GPUs asked, the largest node has 8" },
  },
  {
    name: "more CPUs and memory than any node has",
    nodes: { a: { cpus: 8, memoryGi: 16 } },
    queue: { 1: { cpus: 9 }, 2: { memoryGi: 17 } },
    waits: {
      1: "can never fit: 9 CPUs asked, the largest node has 8",
      2: "can never fit: 17.0 GiB of memory asked, the largest node has 16.0 GiB",
    },
  },
  {
    name: "all of it somewhere, but not together",
    nodes: { a: { gpus: 2, cpus: 4 }, b: { cpus: 64 } },
    queue: { 1: { gpus: 1, cpus: 16 } },
    waits: { 1: "can never fit: 1 GPU, 16 CPUs and 1.0 GiB asked together; no node has all of it" },
  },
  {
    name: "a gang larger than the cluster",
    nodes: { a: { gpus: 8 }, b: { gpus: 8 } },
    queue: { 1: { gpus: 8, replicas: 4 } },
    waits: { 1: "can never fit: 4 replicas of 8 GPUs, 1 CPU and 1.0 GiB asked, all nodes together have room for 2" },
  },
  {
    name: "the GPUs are there but sick",
    nodes: { a: { gpus: 4, sick: { 1: "XID 79: fallen off the bus" } } },
    queue: { 1: { gpus: 4 } },
    waits: { 1: "needs 4 GPUs on one node; a has 3 usable of 4 (GPU 1: XID 79: fallen off the bus)" },
  },
  {
    name: "the only fitting node is away",
    nodes: { a: { gpus: 8, state: "lost", lastSeenSecondsAgo: 20 }, b: { gpus: 2 } },
    queue: { 1: { gpus: 4 } },
    waits: { 1: "waiting for a to return (lost, not heard of since 22:13:00 UTC)" },
  },
  {
    name: "nothing is placed on a suspect node",
    nodes: { a: { gpus: 8, state: "suspect", lastSeenSecondsAgo: 16 } },
    queue: { 1: { gpus: 1 } },
    waits: { 1: "waiting for a to return (suspect, not heard of since 22:13:04 UTC)" },
  },
  {
    name: "the jobs before it are counted",
    nodes: { a: { gpus: 4 } },
    running: { 1: { on: ["a:0,1,2"] } },
    queue: { 2: { gpus: 2, priority: 9 }, 3: { gpus: 3, priority: 9 }, 4: { gpus: 4, waitedSeconds: 60 }, 5: { gpus: 2 } },
    waits: {
      2: "needs 2 GPUs on one node; a has 1 free of 4 (job 1 uses 3)",
      3: "needs 3 GPUs on one node; a has 1 free of 4 (job 1 uses 3); behind 1 job queued earlier",
      4: "needs 4 GPUs on one node; a has 1 free of 4 (job 1 uses 3); behind 2 jobs of higher priority",
      5: "needs 2 GPUs on one node; a has 1 free of 4 (job 1 uses 3); behind 3 jobs of higher priority or queued earlier",
    },
  },
  {
    name: "a gang that waited ten minutes holds the nodes it needs, and no others",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 }, t4: { gpus: 4, gpu: { model: "Tesla T4" } } },
    running: { 1: { on: ["a:0"] } },
    queue: { 2: { gpus: 4, replicas: 2, model: "a100", waitedSeconds: 601 }, 3: { gpus: 1, model: "a100" }, 4: { gpus: 1 } },
    placed: { 4: ["t4:0"] },
    waits: {
      2: "needs room for 2 replicas of 4 GPUs with 'a100' in the model, there is room for 1; b has room for 1, a has 3 free of 4 (job 1 uses 1)",
      3: "held back so that job 2, which waited long, can start first",
    },
  },
  {
    name: "a job that can never fit holds nobody back",
    nodes: { a: { gpus: 4 } },
    queue: { 1: { gpus: 16, waitedSeconds: 86_400 }, 2: { gpus: 1 } },
    placed: { 2: ["a:0"] },
    waits: { 1: "can never fit: 16 GPUs asked, the largest node has 4" },
  },
  {
    name: "a job of higher priority passes one that holds nodes",
    nodes: { a: { gpus: 4 } },
    running: { 1: { on: ["a:0"] } },
    queue: { 2: { gpus: 4, waitedSeconds: 3600 }, 3: { gpus: 1, priority: 1 }, 4: { gpus: 1 } },
    placed: { 3: ["a:1"] },
    waits: {
      2: "needs 4 GPUs on one node; a has 2 free of 4 (job 1 uses 1, job 3 uses 1)",
      4: "held back so that job 2, which waited long, can start first",
    },
  },
];
