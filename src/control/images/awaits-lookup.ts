import type { Job } from "../../shared/domain/index.ts";
import { namesRegistry } from "../../shared/oci/index.ts";

/** A job waits for the look-up so long at most: then it is placed as if its image asked nothing, and the node judges. */
const LONGEST_WAIT_MS = 3000;

/**
 * Whether what its image requires of a GPU is to be had from a registry. Not of arrays, whose tasks begin at once and by
 * the thousand, nor of what is only ever taken from the node.
 */
export function wantsLookup({ spec, array, task, imageRequirements }: Job): boolean {
  if (imageRequirements !== undefined || array !== undefined || task !== undefined) return false;
  return spec.resources.gpus > 0 && spec.pull !== "never" && namesRegistry(spec.image);
}

/** Whether the job is to be left out of a scheduling pass for now. */
export function awaitsLookup(job: Job, now: number): boolean {
  return now - job.submittedAt < LONGEST_WAIT_MS && job.state === "pending" && job.epoch === 0 && wantsLookup(job);
}
