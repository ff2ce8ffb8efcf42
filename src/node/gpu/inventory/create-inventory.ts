import { type Clock, errorText } from "../../../shared/domain/index.ts";
import type { NativeNvml } from "../../platform/index.ts";
import type { GpuInventory } from "../types.ts";
import { mergeInventory, type NvmlAnswer } from "./merge-inventory.ts";

export interface InventoryOptions {
  nvml: NativeNvml;
  /** Path of libnvidia-ml.so.1; null when there is none. */
  nvmlLibrary: string | null;
  simulated: boolean;
  /** How long a caller waits for NVML. */
  timeoutMs: number;
  clock: Clock;
}

export interface Inventory {
  /** Resolves within `timeoutMs` (at once while an older call hangs) and never rejects: what goes wrong is in `problem` and on the GPUs. */
  read(): Promise<GpuInventory>;
}

/**
 * Keeps what is known of this node's GPUs. NVML hangs when a GPU has fallen off the bus, and a hung call can neither be
 * cancelled nor lets go of its worker thread, so at most one is under way: until it returns, readers share it.
 */
export function createInventory(options: InventoryOptions): Inventory {
  let known: GpuInventory = { driverVersion: null, cudaVersion: null, simulated: options.simulated, gpus: [], problem: null };
  let underWay: { answer: Promise<NvmlAnswer>; deadline: number } | null = null;
  const ask = (library: string): Promise<NvmlAnswer> => {
    underWay ??= {
      deadline: options.clock.monotonic() + options.timeoutMs,
      answer: query(options.nvml, library).finally(() => {
        underWay = null;
      }),
    };
    return withDeadline(underWay.answer, underWay.deadline, options);
  };
  return {
    read: async () => {
      if (options.nvmlLibrary === null) return known;
      known = mergeInventory(known, await ask(options.nvmlLibrary));
      return known;
    },
  };
}

async function query(nvml: NativeNvml, library: string): Promise<NvmlAnswer> {
  try {
    return { report: await nvml.query(library) };
  } catch (error) {
    return { problem: `NVML failed: ${errorText(error)}` };
  }
}

async function withDeadline(answer: Promise<NvmlAnswer>, deadline: number, options: InventoryOptions): Promise<NvmlAnswer> {
  const answered = new AbortController();
  const problem: NvmlAnswer = { problem: `NVML did not answer within ${options.timeoutMs / 1000} s` };
  const left = Math.max(0, deadline - options.clock.monotonic());
  const late = options.clock.sleep(left, answered.signal).then(
    () => problem,
    () => problem,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
  }
}
