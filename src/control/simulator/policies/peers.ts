import { type Ask, firstThatFit, gpuMillisLeft, type PlacementPolicy, type Room, WHOLE_GPU } from "../../scheduler/index.ts";
import { below, type Random } from "../random/random.ts";

/** Any node, any GPU that fits. Not a function of its arguments: the caller must ask anew each time. */
export function randomPolicy(random: Random): PlacementPolicy {
  return {
    name: "random",
    choose(room, ask) {
      const fitting = [...room.gpuMillis.keys()].filter((index) => (room.gpuMillis[index] ?? 0) >= ask.gpuMillis);
      const gpus = ask.gpus === 1 ? fitting.slice(below(random, fitting.length)) : fitting;
      return { score: random(), gpus: gpus.slice(0, ask.gpus) };
    },
  };
}

/** The largest node of the published comparison: 128 CPUs, 8 GPUs. */
const LARGEST_CPU_MILLIS = 128_000;
const LARGEST_GPU_MILLIS = 8000;

/** Least CPU and GPU left over, both weighted alike. */
export const bestFitPolicy: PlacementPolicy = {
  name: "best-fit",
  choose(room, ask) {
    const cpu = (room.cpuMillis - ask.cpuMillis) / LARGEST_CPU_MILLIS;
    const gpu = (gpuMillisLeft(room) - ask.gpus * ask.gpuMillis) / LARGEST_GPU_MILLIS;
    return { score: Math.trunc((1 - (0.5 * cpu + 0.5 * gpu)) * 100), gpus: firstThatFit(room, ask, byLeast(room)) };
  },
};

/** Least alignment of what is left with what is asked (Tetris, SIGCOMM'14, as the FGD paper runs it). */
export const dotProductPolicy: PlacementPolicy = {
  name: "dot-product",
  choose(room, ask) {
    const cpu = (room.cpuMillis / LARGEST_CPU_MILLIS) * (ask.cpuMillis / LARGEST_CPU_MILLIS);
    const gpu = (gpuMillisLeft(room) / LARGEST_GPU_MILLIS) * ((ask.gpus * ask.gpuMillis) / LARGEST_GPU_MILLIS);
    return { score: Math.trunc((1 - (cpu + gpu) / 2) * 100), gpus: firstThatFit(room, ask, byLeast(room)) };
  },
};

/** Nodes that run asks of the same kind (share, 1 GPU, 8 GPUs) before others (Gandiva, OSDI'18). It remembers what it booked. */
export function gpuClusteringPolicy(): PlacementPolicy {
  const kindsOn = new WeakMap<Room, Set<string>>();
  return {
    name: "gpu-clustering",
    choose(room, ask) {
      const kinds = kindsOn.get(room) ?? new Set();
      const gpus = firstThatFit(room, ask, byLeast(room));
      if (ask.gpus === 0) return { score: 0, gpus };
      const base = kinds.has(kindOf(ask)) ? (kinds.size === 1 ? 75 : 50) : kinds.size === 0 ? 25 : 0;
      return { score: base + Math.trunc((25 * (LARGEST_GPU_MILLIS - gpuMillisLeft(room))) / LARGEST_GPU_MILLIS), gpus };
    },
    booked(room, ask) {
      if (ask.gpus > 0) kindsOn.set(room, (kindsOn.get(room) ?? new Set()).add(kindOf(ask)));
    },
  };
}

function kindOf(ask: Ask): string {
  return ask.gpuMillis < WHOLE_GPU ? "share" : String(ask.gpus);
}

/** Shared GPUs before free ones, used nodes before empty ones. */
export const gpuPackingPolicy: PlacementPolicy = {
  name: "gpu-packing",
  choose(room, ask) {
    const gpus = firstThatFit(room, ask, byLeast(room));
    return { score: packingScore(room, ask, gpus), gpus };
  },
};

function packingScore(room: Room, ask: Ask, gpus: readonly number[]): number {
  if (ask.gpus === 0) return 0;
  const free = room.gpuMillis.filter((left) => left === WHOLE_GPU).length;
  if (free === room.gpuMillis.length) return Math.max(33 - free, free);
  const freeTaken = gpus.filter((index) => room.gpuMillis[index] === WHOLE_GPU).length;
  if (freeTaken > 0) return Math.max(50 - freeTaken, 33);
  const left = gpus.reduce((sum, index) => sum + Math.trunc(((room.gpuMillis[index] ?? 0) * 100) / WHOLE_GPU), 0);
  return Math.max(100 - Math.trunc(left / 10), 50);
}

function byLeast(room: Room): number[] {
  return [...room.gpuMillis.keys()].sort((left, right) => (room.gpuMillis[left] ?? 0) - (room.gpuMillis[right] ?? 0) || left - right);
}
