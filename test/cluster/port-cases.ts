import type { ClusterCase } from "./cluster-case.ts";

export const PORT_CASES: ClusterCase[] = [
  {
    name: "two jobs with one port go to two nodes, and the third waits for one of them",
    nodes: { a: {}, b: {} },
    queue: { 1: { ports: ["8080/tcp"] }, 2: { ports: ["8080/tcp"] }, 3: { ports: ["6006/tcp", "8080/tcp"] } },
    placed: { 1: ["a"], 2: ["b"] },
    waits: {
      3: "needs 1 CPU and 1.0 GiB with ports 6006/tcp, 8080/tcp on one node; on a port 8080/tcp is taken by job 1, on b port 8080/tcp is taken by job 2",
    },
  },
  {
    name: "tcp and udp are two, and a job without ports is in nobody's way",
    nodes: { a: {} },
    running: { 1: { on: ["a"], ports: ["53/tcp"] } },
    queue: { 2: { ports: ["53/udp"] }, 3: {}, 4: { ports: ["53/tcp"] } },
    placed: { 2: ["a"], 3: ["a"] },
    waits: { 4: "needs 1 CPU and 1.0 GiB with port 53/tcp on one node; on a port 53/tcp is taken by job 1" },
  },
  {
    name: "the replicas of a gang with a port lie on as many nodes",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 }, c: { gpus: 4 } },
    running: { 1: { on: ["b"], ports: ["29500/tcp"] } },
    queue: { 2: { gpus: 1, replicas: 2, ports: ["29500/tcp"] }, 3: { gpus: 1, replicas: 2 } },
    placed: { 2: ["a:0", "c:0"], 3: ["a:1", "a:2"] },
  },
  {
    name: "a gang with a port and more replicas than there are nodes can never fit",
    nodes: { a: { gpus: 4 }, b: { gpus: 4 } },
    queue: { 1: { gpus: 1, replicas: 3, ports: ["29500/tcp"] } },
    waits: {
      1: "can never fit: 3 replicas of 1 GPU, 1 CPU and 1.0 GiB with port 29500/tcp asked, all nodes together have room for 2",
    },
  },
  {
    name: "who takes its quota back stops the borrower that has the port",
    nodes: { a: { gpus: 2 } },
    projects: { vision: 2, speech: 0 },
    running: {
      1: { on: ["a:0"], project: "speech" },
      2: { on: ["a:1"], project: "speech", ports: ["8080/tcp"] },
    },
    queue: { 3: { gpus: 1, project: "vision", ports: ["8080/tcp"] } },
    stops: { 2: "3" },
    waits: { 3: "room is being made for it on a: waits until 1 job stopped (2)" },
  },
];
