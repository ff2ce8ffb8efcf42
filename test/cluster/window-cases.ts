import type { ClusterCase } from "./cluster-case.ts";

/** NOW is 22:13:20 UTC of 2023-11-14. */
export const WINDOW_CASES: ClusterCase[] = [
  {
    name: "a job that ends before the maintenance runs, a longer one and one without a limit keep away",
    nodes: { a: { gpus: 3 } },
    reservations: { disks: { nodes: ["a"], fromMinutes: 60, toMinutes: 120 } },
    queue: { 1: { gpus: 1, limitMinutes: 60 }, 2: { gpus: 1, limitMinutes: 61 }, 3: { gpus: 1 } },
    placed: { 1: ["a:0"] },
    waits: {
      2: "waiting for a to be opened (maintenance from 2023-11-14 23:13 UTC to 2023-11-15 00:13 UTC (disks))",
      3: "waiting for a to be opened (maintenance from 2023-11-14 23:13 UTC to 2023-11-15 00:13 UTC (disks))",
    },
  },
  {
    name: "other nodes take what the maintenance keeps away",
    nodes: { a: { gpus: 1 }, b: { gpus: 1 } },
    reservations: { disks: { nodes: ["a"], fromMinutes: 60, toMinutes: 120 } },
    queue: { 1: { gpus: 1 } },
    placed: { 1: ["b:0"] },
  },
  {
    name: "during the window nothing starts, however short",
    nodes: { a: { gpus: 1 } },
    reservations: { disks: { nodes: ["a"], fromMinutes: -5, toMinutes: 5 } },
    queue: { 1: { gpus: 1, limitMinutes: 1 } },
    waits: { 1: "waiting for a to be opened (maintenance from 2023-11-14 22:08 UTC to 2023-11-14 22:18 UTC (disks))" },
  },
  {
    name: "a reservation lets its project in, before and during it, and nobody else",
    nodes: { a: { gpus: 1 }, b: { gpus: 1 } },
    reservations: { demo: { nodes: ["a", "b"], fromMinutes: -5, toMinutes: 60, projects: ["vision"] } },
    queue: { 1: { gpus: 1, project: "speech" }, 2: { gpus: 1, project: "vision" } },
    placed: { 2: ["a:0"] },
    waits: {
      1:
        "waiting for a to be opened (reserved for vision from 2023-11-14 22:08 UTC to 2023-11-14 23:13 UTC (demo)), " +
        "b to be opened (reserved for vision from 2023-11-14 22:08 UTC to 2023-11-14 23:13 UTC (demo))",
    },
  },
  {
    name: "a window that is over keeps nobody away",
    nodes: { a: { gpus: 1 } },
    reservations: { disks: { nodes: ["a"], fromMinutes: -60, toMinutes: 0 } },
    queue: { 1: { gpus: 1 } },
    placed: { 1: ["a:0"] },
  },
  {
    name: "one of two windows is enough, and names of nodes that are gone matter to nobody",
    nodes: { a: { gpus: 1 }, b: { gpus: 1 } },
    reservations: {
      disks: { nodes: ["a", "gone"], fromMinutes: 60, toMinutes: 120 },
      demo: { nodes: ["a"], fromMinutes: 0, toMinutes: 500, projects: ["vision"] },
    },
    queue: { 1: { gpus: 1, project: "vision" }, 2: { gpus: 1, project: "vision", limitMinutes: 30 } },
    placed: { 1: ["b:0"], 2: ["a:0"] },
  },
  {
    name: "a gang needs all its nodes outside the window",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 } },
    reservations: { disks: { nodes: ["b"], fromMinutes: 60, toMinutes: 120 } },
    queue: { 1: { gpus: 2, replicas: 2, limitMinutes: 90 }, 2: { gpus: 2, replicas: 2, limitMinutes: 30 } },
    placed: { 2: ["a:0,1", "b:0,1"] },
    waits: { 1: "waiting for b to be opened (maintenance from 2023-11-14 23:13 UTC to 2023-11-15 00:13 UTC (disks))" },
  },
];
