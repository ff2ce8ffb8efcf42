import { WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import { DEFAULT_PROJECT } from "../order/project-tree.ts";
import { heldBy } from "../order/quota.ts";
import type { ActiveJob } from "../snapshot.ts";
import { difference } from "./difference.ts";

/** What a user's running jobs of one project hold. */
export interface Holding {
  project: string;
  user: string;
  jobs: number;
  /** In whole numbers, so that sums are the same in whatever order they were made. */
  gpuMillis: number;
  cpuMillis: number;
  memoryBytes: number;
}

/** The holdings of the running jobs, kept up to date by the jobs that came and went since the last call. */
export function createProjectHoldings(): (active: readonly ActiveJob[]) => Iterable<Holding> {
  const holdings = new Map<string, Holding>();
  let before: readonly ActiveJob[] = [];
  const count = (job: ActiveJob, sign: 1 | -1) => {
    const { project = DEFAULT_PROJECT, user = "" } = job;
    const key = `${project}\n${user}`;
    const held = heldBy(job);
    const mine = holdings.get(key) ?? { project, user, jobs: 0, gpuMillis: 0, cpuMillis: 0, memoryBytes: 0 };
    mine.jobs += sign;
    mine.gpuMillis += sign * Math.round(held.gpus * WHOLE_GPU_MILLIS);
    mine.cpuMillis += sign * held.cpuMillis;
    mine.memoryBytes += sign * held.memoryBytes;
    if (mine.jobs === 0) holdings.delete(key);
    else holdings.set(key, mine);
  };
  return (active) => {
    const change = difference(before, active);
    before = active;
    for (const job of change?.added ?? []) count(job, 1);
    for (const job of change?.removed ?? []) count(job, -1);
    return holdings.values();
  };
}
