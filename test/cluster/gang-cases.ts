import type { ClusterCase } from "./cluster-case.ts";

export const GANG_CASES: ClusterCase[] = [
  {
    name: "at most so many replicas on a node",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 }, c: { gpus: 4 } },
    queue: { 1: { gpus: 1, replicas: 3, rules: { maxPerNode: 1 } } },
    placed: { 1: ["a:0", "b:0", "c:0"] },
  },
  {
    name: "too few nodes for a limit on each",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 } },
    queue: { 1: { gpus: 1, replicas: 3, rules: { maxPerNode: 1 } } },
    waits: {
      1: "can never fit: 3 replicas of 1 GPU, 1 CPU and 1.0 GiB, at most 1 on a node, asked, all nodes together have room for 2",
    },
  },
  {
    name: "a gang that must stay together takes the rack that has room for all of it",
    nodes: {
      a: { gpus: 4, labels: { rack: "r1" } },
      b: { gpus: 4, labels: { rack: "r2" } },
      c: { gpus: 4, labels: { rack: "r2" } },
    },
    queue: { 1: { gpus: 4, replicas: 2, rules: { sameLabel: "rack" } } },
    placed: { 1: ["b:0,1,2,3", "c:0,1,2,3"] },
  },
  {
    name: "the tightest rack that fits is taken, so that roomy ones stay whole",
    nodes: {
      a: { gpus: 8, labels: { rack: "r1" } },
      b: { gpus: 8, labels: { rack: "r1" } },
      c: { gpus: 4, labels: { rack: "r2" } },
    },
    queue: { 1: { gpus: 2, replicas: 2, rules: { sameLabel: "rack" } } },
    placed: { 1: ["c:0,1", "c:2,3"] },
  },
  {
    name: "room in two racks is no room for a gang that must stay together",
    nodes: { a: { gpus: 4, labels: { rack: "r1" } }, b: { gpus: 4, labels: { rack: "r2" } } },
    queue: { 1: { gpus: 4, replicas: 2, rules: { sameLabel: "rack" } } },
    waits: {
      1: "can never fit: 2 replicas of 4 GPUs, 1 CPU and 1.0 GiB on nodes of one 'rack' asked, the 'rack' with the most room, r1, has room for 1",
    },
  },
  {
    name: "a gang that must stay together is told the rack's room, not the cluster's",
    nodes: {
      a: { gpus: 4, labels: { rack: "r1" } },
      b: { gpus: 4, labels: { rack: "r1" } },
      c: { gpus: 4, labels: { rack: "r2" } },
    },
    running: { 9: { gpus: 4, on: ["a:0,1,2,3"] } },
    queue: { 1: { gpus: 4, replicas: 2, rules: { sameLabel: "rack" } } },
    waits: {
      1: "needs room for 2 replicas of 4 GPUs on nodes of one 'rack', the 'rack' with the most room, r1, has room for 1; b has room for 1, c has room for 1, a has 0 free of 4 (job 9 uses 4)",
    },
  },
  {
    name: "a gang that is spread is told where room lacks",
    nodes: { a: { gpus: 4, labels: { rack: "r1" } }, b: { gpus: 1, labels: { rack: "r2" } } },
    queue: { 1: { gpus: 1, replicas: 4, rules: { spreadLabel: "rack" } } },
    waits: {
      1: "can never fit: 4 replicas of 1 GPU, 1 CPU and 1.0 GiB spread evenly over 'rack' asked, 'rack' r2 has room for 1",
    },
  },
  {
    name: "nodes without the label of a topology wish are not used",
    nodes: { a: { gpus: 8 }, b: { gpus: 2, labels: { rack: "r1" } } },
    queue: { 1: { gpus: 1, replicas: 2, rules: { sameLabel: "rack" } } },
    placed: { 1: ["b:0", "b:1"] },
  },
  {
    name: "replicas are spread evenly over the values of a label",
    nodes: {
      a: { gpus: 8, labels: { zone: "x" } },
      b: { gpus: 8, labels: { zone: "y" } },
    },
    queue: { 1: { gpus: 1, replicas: 4, rules: { spreadLabel: "zone" } } },
    placed: { 1: ["a:0", "a:1", "b:0", "b:1"] },
  },
  {
    name: "an odd one goes where there is more room",
    nodes: {
      a: { gpus: 1, labels: { zone: "x" } },
      b: { gpus: 8, labels: { zone: "y" } },
    },
    queue: { 1: { gpus: 1, replicas: 3, rules: { spreadLabel: "zone" } } },
    placed: { 1: ["b:0", "b:1", "a:0"] },
  },
  {
    name: "an elastic gang starts with as many replicas as fit",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 } },
    running: { 1: { on: ["b:0,1"] } },
    queue: { 2: { gpus: 2, replicas: 8, minReplicas: 2 } },
    placed: { 2: ["b:2,3", "a:0,1", "a:2,3"] },
  },
  {
    name: "an elastic gang waits for its least",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 } },
    running: { 1: { on: ["a:0,1,2"] }, 2: { on: ["b:0,1,2"] } },
    queue: { 3: { gpus: 2, replicas: 4, minReplicas: 2 } },
    waits: {
      3: "needs room for at least 2 replicas of 2 GPUs, there is room for 0; a has 1 free of 4 (job 1 uses 3), b has 1 free of 4 (job 2 uses 3)",
    },
  },
];
