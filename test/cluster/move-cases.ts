import type { ClusterCase } from "./cluster-case.ts";

/** Two nodes of two GPUs, each half full: four would fit together, no two do. */
const HALVES = {
  nodes: { a: { gpus: 2 }, b: { gpus: 2 } },
  queue: { 9: { gpus: 2, waitedSeconds: 400 } },
};
const SAVES = { startedAgo: 120, savedAgo: 2 };
const SPLIT = "needs 2 GPUs on one node; a has 1 free of 2 (job 1 uses 1), b has 1 free of 2 (job 2 uses 1)";
const ROOM_ON_A = { 9: "room is being made for it on a: waits until 1 job stopped (1)" };

/** What `berth up --defragment` moves, and what it leaves alone. */
export const MOVE_CASES: ClusterCase[] = [
  {
    ...HALVES,
    name: "one of two halves moves to the other, the one that loses least, and its node is kept for the waiting job",
    running: { 1: { on: ["a:0"], checkpoints: SAVES }, 2: { on: ["b:0"], checkpoints: { startedAgo: 120, savedAgo: 8 } } },
    movesLeft: 1,
    moved: { 1: "9" },
    waits: ROOM_ON_A,
  },
  {
    ...HALVES,
    name: "nobody moves unless the operator wants it",
    running: { 1: { on: ["a:0"], checkpoints: SAVES }, 2: { on: ["b:0"], checkpoints: SAVES } },
    waits: { 9: SPLIT },
  },
  {
    ...HALVES,
    name: "nobody moves when the hour's moves are spent",
    running: { 1: { on: ["a:0"], checkpoints: SAVES }, 2: { on: ["b:0"], checkpoints: SAVES } },
    movesLeft: 0,
    waits: { 9: SPLIT },
  },
  {
    ...HALVES,
    name: "a job that has just begun to wait moves nobody",
    queue: { 9: { gpus: 2, waitedSeconds: 100 } },
    running: { 1: { on: ["a:0"], checkpoints: SAVES }, 2: { on: ["b:0"], checkpoints: SAVES } },
    movesLeft: 5,
    waits: { 9: SPLIT },
  },
  {
    ...HALVES,
    name: "no job moves that has never saved, saved long ago, was moved within the hour, or has just started",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 }, c: { gpus: 2 }, d: { gpus: 2 } },
    running: {
      1: { on: ["a:0"], checkpoints: { startedAgo: 120 } },
      2: { on: ["b:0"], checkpoints: { startedAgo: 120, savedAgo: 11 } },
      3: { on: ["c:0"], checkpoints: { startedAgo: 120, savedAgo: 2, movedAgo: 59 } },
      4: { on: ["d:0"], checkpoints: { startedAgo: 59, savedAgo: 2 } },
    },
    movesLeft: 5,
    waits: { 9: `${SPLIT}, c has 1 free of 2 (job 3 uses 1) and 1 more` },
  },
  {
    ...HALVES,
    name: "a job that would find no room elsewhere stays: its rules forbid the other node",
    running: {
      1: { on: ["a:0"], checkpoints: { ...SAVES, rules: { excludedNodes: ["b"] } } },
      2: { on: ["b:0"] },
    },
    movesLeft: 5,
    waits: { 9: SPLIT },
  },
  {
    ...HALVES,
    name: "nobody of higher priority moves",
    running: { 1: { on: ["a:0"], priority: 5, checkpoints: SAVES }, 2: { on: ["b:0"] } },
    movesLeft: 5,
    waits: { 9: SPLIT },
  },
  {
    name: "a gang's two nodes are freed by two moves at once, when both fit elsewhere",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 }, c: { gpus: 2, cpus: 2 } },
    running: { 1: { on: ["a:0"], checkpoints: SAVES }, 2: { on: ["b:0"], checkpoints: SAVES } },
    queue: { 9: { gpus: 2, cpus: 8, replicas: 2, waitedSeconds: 400 } },
    movesLeft: 2,
    moved: { 1: "9", 2: "9" },
    waits: { 9: "room is being made for it on a, b: waits until 2 jobs stopped (1, 2)" },
  },
  {
    name: "while a moved job still stops, nobody takes the room it goes on in; once it waits it goes there before all others",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 } },
    running: {
      1: { on: ["a:0"], stopping: true, checkpoints: { ...SAVES, movedAgo: 1 } },
      2: { on: ["b:0"] },
    },
    queue: { 9: { gpus: 2, waitedSeconds: 400, promisedAgo: 1, promised: ["a"] }, 10: { gpus: 1 } },
    movesLeft: 1,
    waits: {
      9: "room is being made for it on a: waits until 1 job stopped (1)",
      10: "held back so that job 9, which waited long, can start first",
    },
  },
  {
    name: "a moved job goes on elsewhere and the job it moved for starts in its place, before all others",
    nodes: { a: { gpus: 2 }, b: { gpus: 2 } },
    running: { 2: { on: ["b:0"] } },
    queue: {
      1: { gpus: 1, movedAgo: 2 },
      9: { gpus: 2, waitedSeconds: 400, promisedAgo: 2, promised: ["a"] },
      10: { gpus: 1, priority: 50 },
    },
    movesLeft: 1,
    placed: { 9: ["a:0,1"], 1: ["b:1"] },
    waits: { 10: "needs 1 GPU on one node; a has 0 free of 2 (job 9 uses 2), b has 0 free of 2 (job 1 uses 1, job 2 uses 1)" },
  },
];
