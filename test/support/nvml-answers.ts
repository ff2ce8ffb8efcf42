import type { NativeNvml, NvmlGpu, NvmlMessage, NvmlReport, NvmlSample } from "../../src/node/platform/index.ts";
import type { Clock } from "../../src/shared/domain/index.ts";

/** A healthy, idle GPU as NVML tells of it. */
export function nvmlGpu(index: number, changes: Partial<NvmlGpu> = {}): NvmlGpu {
  return {
    index,
    uuid: `GPU-${index}`,
    minor: index,
    pciBusId: `00000000:${10 + index}:00.0`,
    name: "H100",
    memoryTotalBytes: 80,
    memoryUsedBytes: 0,
    computeCapability: "9.0",
    error: null,
    utilizationPercent: 0,
    memoryUtilizationPercent: 0,
    temperatureCelsius: 30,
    powerMilliwatts: 60_000,
    powerLimitMilliwatts: 700_000,
    smClockMhz: 345,
    memoryClockMhz: 2619,
    energyMillijoules: 1,
    pcieReplays: 0,
    processes: [],
    ecc: { enabled: true, correctable: 0, uncorrectable: 0, uncorrectableEver: 0 },
    remappedRows: { correctable: 0, uncorrectable: 0, pending: false, failure: false },
    nvlinks: [],
    mig: null,
    ...changes,
  };
}

export function nvmlReport(...gpus: NvmlGpu[]): NvmlReport {
  return {
    driverVersion: "550.1",
    cudaVersion: "12.4",
    gpus,
    topology: gpus.map((one) => gpus.map((other) => (one === other ? null : 50))),
  };
}

/** Answers in order, the last one again and again; listeners are the test's to speak to. */
export interface ScriptedNvml extends NativeNvml {
  queries(): number;
  samplesAsked(): number;
  /** Of those who listen now. */
  listeners: ((message: NvmlMessage) => void)[];
  stops(): number;
}

export function scriptedNvml(answers: (() => Promise<NvmlReport | null>)[]): ScriptedNvml {
  let queries = 0;
  let samplesAsked = 0;
  let stops = 0;
  const listeners: ScriptedNvml["listeners"] = [];
  return {
    query: () => (answers[Math.min(queries++, answers.length - 1)] as () => Promise<NvmlReport | null>)(),
    sample: async (): Promise<NvmlSample[]> => {
      samplesAsked += 1;
      return [nvmlGpu(0, { memoryUsedBytes: samplesAsked })];
    },
    watch(_library, listener) {
      listeners.push(listener);
      queueMicrotask(() => listener({ kind: "listening", gpus: 1 }));
      return () => {
        stops += 1;
        listeners.splice(listeners.indexOf(listener), 1);
        listener({ kind: "end", problem: null });
      };
    },
    queries: () => queries,
    samplesAsked: () => samplesAsked,
    listeners,
    stops: () => stops,
  };
}

/** A sleeper wakes as soon as nothing else is left to run: an answer that is there wins, one that hangs loses. */
export const instantClock: Clock = { now: () => 0, monotonic: () => 0, sleep: () => new Promise((resolve) => void setImmediate(resolve)) };
