import { type ActiveJob, fragmentation, type NodeCapacity, type TypicalAsk, typicalAsks, WHOLE_GPU } from "../../scheduler/index.ts";
import type { ReplayJob } from "./replay-job.ts";

/** The cluster at one moment; percents are of all GPUs. */
export interface ReplaySample {
  seconds: number;
  allocatedPercent: number;
  /** FGD's measure: GPUs that a typical job of the trace could not use. */
  fragmentedPercent: number;
  waiting: number;
}

const MOST_SAMPLES = 400;

/** Keeps at most 400 samples over a span that nobody knows before: when full, every second one goes and the step doubles. */
export class Sampler {
  private samples: ReplaySample[] = [];
  private step = 1;
  private gpuSeconds = 0;
  private allocated = 0;
  private readonly totalGpus: number;
  private readonly typical: TypicalAsk[];
  private readonly nodes: readonly NodeCapacity[];

  constructor(nodes: readonly NodeCapacity[], jobs: readonly ReplayJob[]) {
    this.nodes = nodes;
    this.totalGpus = nodes.reduce((sum, { gpus }) => sum + gpus.length, 0);
    this.typical = typicalAsks(
      jobs.map(({ cpuMillis, gpus }) => ({ cpuMillis, memoryBytes: 0, gpus, gpuMillis: WHOLE_GPU, gpuModels: null })),
    );
  }

  passed(seconds: number): void {
    this.gpuSeconds += this.allocated * seconds;
  }

  take(now: number, active: readonly ActiveJob[], live: number): void {
    this.allocated = active.reduce(
      (sum, { assignments }) => sum + assignments.reduce((gpus, { gpuUuids }) => gpus + gpuUuids.length, 0),
      0,
    );
    const last = this.samples.at(-1);
    if (last !== undefined && now < last.seconds + this.step) return;
    const percent = (gpus: number) => (this.totalGpus === 0 ? 0 : (gpus * 100) / this.totalGpus);
    this.samples.push({
      seconds: now,
      allocatedPercent: percent(this.allocated),
      fragmentedPercent: percent(this.fragmented(active)),
      waiting: live - active.length,
    });
    if (this.samples.length < MOST_SAMPLES) return;
    this.samples = this.samples.filter((_, place) => place % 2 === 0);
    this.step = Math.max(2 * this.step, (now - (this.samples[0]?.seconds ?? 0)) / this.samples.length);
  }

  result(): { samples: ReplaySample[]; gpuSeconds: number; totalGpus: number } {
    return { samples: this.samples, gpuSeconds: this.gpuSeconds, totalGpus: this.totalGpus };
  }

  private fragmented(active: readonly ActiveJob[]): number {
    const used = new Map<string, { gpus: number; cpuMillis: number }>();
    for (const { assignments, resources } of active) {
      for (const { nodeId, gpuUuids } of assignments) {
        const { gpus, cpuMillis } = used.get(nodeId) ?? { gpus: 0, cpuMillis: 0 };
        used.set(nodeId, { gpus: gpus + gpuUuids.length, cpuMillis: cpuMillis + resources.cpuMillis });
      }
    }
    return this.nodes.reduce((sum, node) => {
      const { gpus, cpuMillis } = used.get(node.id) ?? { gpus: 0, cpuMillis: 0 };
      const gpuMillis = new Array<number>(Math.max(0, node.gpus.length - gpus)).fill(WHOLE_GPU);
      const total = { cpuMillis: node.cpuMillis, memoryBytes: node.memoryBytes };
      const room = { ...total, cpuMillis: node.cpuMillis - cpuMillis, gpuMillis, gpuModel: node.gpus[0]?.model ?? "", total };
      return sum + fragmentation(room, this.typical) / WHOLE_GPU;
    }, 0);
  }
}
