import type { Clock, Job } from "../../shared/domain/index.ts";
import type { RegistryAccess } from "../../shared/oci/index.ts";
import { type ArrayStore, applyChange, applyToArray, type JobStore } from "../jobs/index.ts";
import { type ImageFacts, readImageFacts } from "./image-facts.ts";
import type { LookupRule } from "./lookup-policy.ts";

/** Beyond this the registry is as good as away. */
const LONGEST_MS = 10_000;

const REMEMBERED_MS = 30_000;

export interface ImageLookup {
  /**
   * Reads what the image of a waiting job requires of a node, and which digest its name means, and writes both into the row; of
   * an array once, for all its tasks. Where that cannot be known, that nothing is asked: the node judges when the container starts.
   * May be called any number of times for a job.
   * @throws BerthError redis_unavailable
   */
  lookUp(jobId: string, signal: AbortSignal): Promise<void>;
}

export interface ImageLookupPorts {
  jobs: Pick<JobStore, "get" | "commit">;
  arrays: Pick<ArrayStore, "step">;
  registries: Pick<RegistryAccess, "clientFor">;
  rule: LookupRule;
  clock: Clock;
  wakeScheduler(reason: string): void;
}

/** Keep one for each process: it remembers for 30 s what registries said. */
export function createImageLookup({ jobs, arrays, registries, rule, clock, wakeScheduler }: ImageLookupPorts): ImageLookup {
  /** A burst of jobs of one image asks its registry once: each is told what was true at some moment after its submission. */
  const asked = new Map<string, { at: number; facts: Promise<ImageFacts> }>();
  const factsFor = ({ spec, submittedAt }: Job, signal: AbortSignal): Promise<ImageFacts> => {
    const own = Object.entries(spec.env).filter(([name]) => name.startsWith("NVIDIA_"));
    const key = JSON.stringify([spec.image, spec.pull, spec.placement?.architecture, spec.resources.gpus > 0, own]);
    const known = asked.get(key);
    if (known !== undefined && known.at >= submittedAt) return known.facts;
    const now = clock.now();
    for (const [old, { at }] of asked) if (now - at > REMEMBERED_MS) asked.delete(old);
    const facts = readImageFacts(registries, spec, signal, LONGEST_MS);
    asked.set(key, { at: now, facts });
    return facts;
  };
  return {
    async lookUp(jobId, signal) {
      const job = await jobs.get(jobId);
      if (job === null || !isOpen(job) || !rule.wants(job)) return;
      const found = await factsFor(job, signal);
      // Stopping is no answer of the registry: another control plane takes the job over.
      signal.throwIfAborted();
      const change = { type: "image-looked-up" as const, ...found };
      if (job.array === undefined) await applyChange(jobs, jobId, change, clock.now());
      else await applyToArray({ jobs, arrays }, jobId, change, clock.now());
      wakeScheduler(`image of job ${jobId} looked up`);
    },
  };
}

/** An array runs from its first task's start: those that follow still want to know. */
function isOpen({ state, array }: Job): boolean {
  return state === "pending" || (array !== undefined && state === "running");
}
