import type { ClusterCase } from "./cluster-case.ts";

export const SHARING_CASES: ClusterCase[] = [
  {
    name: "two halves of one project go onto one GPU, and a third waits with the reason",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 0.5 }, 2: { gpus: 0.5 }, 3: { gpus: 0.5 } },
    placed: { 1: ["a:0"], 2: ["a:0"] },
    waits: {
      3: "needs 0.5 of a GPU on one node; a has at most 0 of a GPU free (job 1 uses 0.5, job 2 uses 0.5)",
    },
  },
  {
    name: "a part is packed onto a shared GPU before a free one is broken up, on whichever node",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 } },
    running: { 1: { on: ["b:1"], gpus: 0.5 } },
    queue: { 2: { gpus: 0.5 }, 3: { gpus: 2 } },
    placed: { 2: ["b:1"], 3: ["a:0,1"] },
  },
  {
    name: "the tightest shared GPU that has room is filled first",
    nodes: { a: { gpus: 3 } },
    running: { 1: { on: ["a:0"], gpus: 0.25 }, 2: { on: ["a:1"], gpus: 0.5 } },
    queue: { 3: { gpus: 0.5 } },
    placed: { 3: ["a:1"] },
  },
  {
    name: "a leftover that the expected parts fit into is kept for them",
    nodes: { a: { gpus: 3 } },
    running: { 1: { on: ["a:0"], gpus: 0.3 }, 2: { on: ["a:1"], gpus: 0.5 } },
    queue: { 3: { gpus: 0.5 }, 4: { gpus: 0.7 } },
    placed: { 3: ["a:1"], 4: ["a:0"] },
  },
  {
    name: "the memory of a shared GPU is not given twice, whatever is left of its time",
    nodes: { a: { gpus: 1 } },
    running: { 1: { on: ["a:0"], gpus: 0.2, gpuMemoryGi: 60 } },
    queue: { 2: { gpus: 0.5, gpuMemoryGi: 30 }, 3: { gpus: 0.5, gpuMemoryGi: 20 } },
    placed: { 3: ["a:0"] },
    waits: {
      2: "needs 0.5 of a GPU with at least 30.0 GiB of memory on one node; a has at most 0.25 of a GPU free (job 1 uses 0.2)",
    },
  },
  {
    name: "parts of one GPU go to one project",
    nodes: { a: { gpus: 1 } },
    running: { 1: { on: ["a:0"], gpus: 0.5, project: "red" } },
    queue: { 2: { gpus: 0.5, project: "blue" }, 3: { gpus: 0.5, project: "red" } },
    placed: { 3: ["a:0"] },
    waits: {
      2: "needs 0.5 of a GPU on one node; a has room only on GPUs of project red (job 1 uses 0.5)",
    },
  },
  {
    name: "unless the operator says so",
    nodes: { a: { gpus: 1, sharesAcrossProjects: true } },
    running: { 1: { on: ["a:0"], gpus: 0.5, project: "red" } },
    queue: { 2: { gpus: 0.5, project: "blue" } },
    placed: { 2: ["a:0"] },
  },
  {
    name: "a job that asks for a whole GPU never gets a shared one",
    nodes: { a: { gpus: 1 } },
    running: { 1: { on: ["a:0"], gpus: 0.1 } },
    queue: { 2: { gpus: 1 } },
    waits: { 2: "needs 1 GPU on one node; a has 0 free of 1 (job 1 uses 0.1)" },
  },
  {
    name: "time slices and MPS do not mix on one GPU",
    nodes: { a: { gpus: 1 } },
    running: { 1: { on: ["a:0"], gpus: 0.5, sharing: "mps" } },
    queue: { 2: { gpus: 0.5 }, 3: { gpus: 0.25, sharing: "mps" } },
    placed: { 3: ["a:0"] },
    waits: { 2: "needs 0.5 of a GPU on one node; a has room only on GPUs shared by mps (job 1 uses 0.5)" },
  },
  {
    name: "a job by MPS is told of GPUs that are shared in turns",
    nodes: { a: { gpus: 1 } },
    running: { 1: { on: ["a:0"], gpus: 0.5 } },
    queue: { 2: { gpus: 0.5, sharing: "mps" } },
    waits: { 2: "needs 0.5 of a GPU by mps on one node; a has room only on GPUs shared by time-slice (job 1 uses 0.5)" },
  },
  {
    name: "the replicas of a gang may share a GPU, all or none",
    nodes: { a: { gpus: 1 }, b: { gpus: 1 } },
    queue: { 1: { gpus: 0.4, replicas: 4 }, 2: { gpus: 0.4, replicas: 2 } },
    placed: { 1: ["a:0", "a:0", "b:0", "b:0"] },
    waits: {
      2: "needs room for 2 replicas of 0.4 of a GPU, there is room for 0; a has at most 0.2 of a GPU free (job 1 uses 0.8), b has at most 0.2 of a GPU free (job 1 uses 0.8)",
    },
  },
  {
    name: "a part that takes more memory than any GPU has can never fit",
    nodes: { a: { gpus: 1 } },
    queue: { 1: { gpus: 0.5, gpuMemoryGi: 141 } },
    waits: { 1: "no node has a GPU with 141.0 GiB of memory (the largest has 80.0 GiB)" },
  },
  {
    name: "a part by MPS goes to a node that has MPS, one in time slices anywhere",
    nodes: { a: { gpus: 1, mps: false }, b: { gpus: 1 } },
    queue: { 1: { gpus: 0.5, sharing: "mps" }, 2: { gpus: 0.75, sharing: "mps" }, 3: { gpus: 0.5 } },
    placed: { 1: ["b:0"], 3: ["a:0"] },
    waits: { 2: "needs 0.75 of a GPU by mps on one node; b has at most 0.5 of a GPU free (job 1 uses 0.5)" },
  },
  {
    name: "no node has MPS: with the way that does without it",
    nodes: { a: { gpus: 1, mps: false }, b: {} },
    queue: { 1: { gpus: 0.5, sharing: "mps" } },
    waits: { 1: "needs 0.5 of a GPU by mps; no node has NVIDIA MPS (gpuSharing: time-slice does without)" },
  },
  {
    name: "MIG devices are given by profile, those of the fuller GPU first",
    nodes: { a: { gpus: 2, mig: { 0: ["1g.10gb", "1g.10gb", "3g.40gb"], 1: ["1g.10gb", "1g.10gb"] } } },
    running: { 1: { on: ["a:1.0"], mig: "1g.10gb" } },
    queue: { 2: { gpus: 1, mig: "1g.10gb" }, 3: { gpus: 1, mig: "3g.40gb" }, 4: { gpus: 1, mig: "3g.40gb" } },
    placed: { 2: ["a:1.1"], 3: ["a:0.2"] },
    waits: { 4: "needs 1 MIG device 3g.40gb on one node; a has 0 free of 1 (job 1 uses 1, job 2 uses 1, job 3 uses 1)" },
  },
  {
    name: "a profile that nobody has cut is named with those there are",
    nodes: { a: { gpus: 1, mig: { 0: ["1g.10gb", "3g.40gb"] } } },
    queue: { 1: { gpus: 1, mig: "2g.20gb" } },
    waits: { 1: "needs 1 MIG device 2g.20gb; no node has one (there are: 1g.10gb, 3g.40gb)" },
  },
  {
    name: "neither a whole GPU nor a part is had of one that is split into MIG devices",
    nodes: { a: { gpus: 1, mig: { 0: ["1g.10gb"] } } },
    queue: { 1: { gpus: 1 }, 2: { gpus: 0.5 } },
    waits: {
      1: "needs 1 GPU on one node; a has 0 usable of 1 (GPU 0: split into MIG devices)",
      2: "needs 0.5 of a GPU on one node; a has 0 usable of 1 (GPU 0: split into MIG devices)",
    },
  },
];
