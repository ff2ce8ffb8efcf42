import type { ClusterCase } from "./cluster-case.ts";

/** Running jobs of these cases began an hour ago: long enough to be asked to make room. */
export const QUOTA_CASES: ClusterCase[] = [
  {
    name: "a guarantee is taken back from a borrower, and what it leaves is promised",
    projects: { owner: 4, guest: 0 },
    nodes: { a: { gpus: 4 } },
    running: { 1: { on: ["a:0,1,2,3"], project: "guest" } },
    queue: { 2: { gpus: 4, project: "owner" } },
    stops: { 1: "2" },
    waits: { 2: "room is being made for it on a: waits until 1 job stopped (1)" },
  },
  {
    name: "nobody is stopped while another node has room",
    projects: { owner: 4, guest: 0 },
    nodes: { a: { gpus: 4 }, b: { gpus: 4 } },
    running: { 1: { on: ["a:0,1,2,3"], project: "guest" } },
    queue: { 2: { gpus: 4, project: "owner" } },
    placed: { 2: ["b:0,1,2,3"] },
  },
  {
    name: "only as many borrowers stop as the job lacks",
    projects: { owner: 4, guest: 0 },
    nodes: { a: { gpus: 4 } },
    running: { 1: { on: ["a:0,1"], project: "guest" }, 3: { on: ["a:2,3"], project: "guest" } },
    queue: { 2: { gpus: 2, project: "owner" } },
    stops: { 1: "2" },
    waits: { 2: "room is being made for it on a: waits until 1 job stopped (1)" },
  },
  {
    name: "whom room was promised goes first, before a higher priority that is guaranteed as well",
    projects: { owner: 4, rival: 4 },
    nodes: { a: { gpus: 4 } },
    queue: { 2: { gpus: 4, project: "owner", takesBack: ["a"] }, 3: { gpus: 4, project: "rival", priority: 9 } },
    placed: { 2: ["a:0,1,2,3"] },
    waits: {
      3: "needs 4 GPUs on one node; a has 0 free of 4 (job 2 uses 4); rival has share 0.00 of 0.50",
    },
  },
  {
    name: "a promise on nodes that are gone is one no more",
    projects: { owner: 4, rival: 4 },
    nodes: { a: { gpus: 4 } },
    queue: { 2: { gpus: 4, project: "owner", takesBack: ["gone"] }, 3: { gpus: 4, project: "rival", priority: 9 } },
    placed: { 3: ["a:0,1,2,3"] },
    waits: { 2: "needs 4 GPUs on one node; a has 0 free of 4 (job 3 uses 4); owner has share 0.00 of 0.50" },
  },
];
