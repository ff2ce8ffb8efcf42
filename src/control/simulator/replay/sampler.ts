import { fragmentation, type NodeCapacity, type TypicalAsk, typicalAsks, WHOLE_GPU } from "../../scheduler/index.ts";
import type { Sampler } from "../event-loop.ts";
import { type Run, workBetween } from "../run.ts";
import { roomsLeft, usableGpus } from "./node-rooms.ts";
import type { ReplayJob } from "./replay-job.ts";
import type { ShareMeter } from "./share-meter.ts";

/** The cluster at one moment; percents are of all GPUs. */
export interface ReplaySample {
  seconds: number;
  /** Held by jobs, on average since the sample before. */
  allocatedPercent: number;
  /** On which jobs computed, on average since then: not while they came back, wrote a checkpoint or stopped. */
  utilisedPercent: number;
  /** FGD's measure: GPUs that a typical job of the trace could not use. */
  fragmentedPercent: number;
  waiting: number;
}

interface Kept extends Omit<ReplaySample, "allocatedPercent" | "utilisedPercent"> {
  /** GPUs held from then on. */
  gpus: number;
  /** GPU-seconds until then. */
  held: number;
  worked: number;
}

const MOST_SAMPLES = 400;

/** Keeps at most 400 samples over a span that nobody knows before: when full, every second one goes and the step doubles. */
export class ReplaySampler implements Sampler<ReplayJob> {
  private samples: Kept[] = [];
  private step = 1;
  private held = 0;
  private worked = 0;
  readonly totalGpus: number;
  private readonly typical: TypicalAsk[];
  private readonly nodes: readonly NodeCapacity[];
  readonly shares: ShareMeter;

  constructor(nodes: readonly NodeCapacity[], jobs: readonly ReplayJob[], shares: (gpus: number) => ShareMeter) {
    this.nodes = nodes;
    this.totalGpus = nodes.reduce((sum, node) => sum + usableGpus(node), 0);
    this.shares = shares(this.totalGpus);
    this.typical = typicalAsks(
      // A MIG device is no part of what the other GPUs are left with.
      jobs
        .filter(({ resources }) => resources.migProfile === undefined)
        .map(({ resources: { cpuMillis, gpus, gpuShare } }) => {
          return { cpuMillis, memoryBytes: 0, gpus, gpuMillis: gpuShare?.millis ?? WHOLE_GPU, gpuModels: null };
        }),
    );
  }

  passing(from: number, to: number, live: Iterable<Run<ReplayJob>>): void {
    this.shares.passed(to - from);
    for (const run of live) {
      this.held += (to - from) * run.activeGpus;
      this.worked += workBetween(run, from, to) * run.activeGpus;
    }
  }

  take(now: number, live: ReadonlyMap<string, Run<ReplayJob>>, outside: number): void {
    this.shares.take(live.values());
    const last = this.samples.at(-1);
    if (last !== undefined && now < last.seconds + this.step) return;
    const running = [...live.values()].filter(({ active }) => active !== null);
    this.samples.push({
      seconds: now,
      gpus: running.reduce((sum, { activeGpus }) => sum + activeGpus, 0),
      fragmentedPercent: this.percent(this.fragmented(running)),
      waiting: live.size - running.length + outside,
      ...{ held: this.held, worked: this.worked },
    });
    if (this.samples.length < MOST_SAMPLES) return;
    this.samples = this.samples.filter((_, place) => place % 2 === 0);
    this.step = Math.max(2 * this.step, (now - (this.samples[0]?.seconds ?? 0)) / this.samples.length);
  }

  result(): ReplaySample[] {
    return this.samples.map(({ gpus, held, worked, ...sample }, place) => {
      const before = this.samples[place - 1];
      // What has just started computes: the first sample has nothing before it.
      if (before === undefined) return { ...sample, allocatedPercent: this.percent(gpus), utilisedPercent: this.percent(gpus) };
      const seconds = sample.seconds - before.seconds;
      const percent = (gpuSeconds: number) => this.percent(gpuSeconds / seconds);
      return { ...sample, allocatedPercent: percent(held - before.held), utilisedPercent: percent(worked - before.worked) };
    });
  }

  private percent(gpus: number): number {
    return this.totalGpus === 0 ? 0 : (gpus * 100) / this.totalGpus;
  }

  private fragmented(running: readonly Run<ReplayJob>[]): number {
    const rooms = roomsLeft(
      this.nodes,
      running.flatMap(({ active }) => active ?? []),
    );
    return rooms.reduce((sum, room) => sum + fragmentation(room, this.typical), 0) / WHOLE_GPU;
  }
}
