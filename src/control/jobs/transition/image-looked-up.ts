import type { Job } from "../../../shared/domain/index.ts";
import { type JobChange, nextRow, type Transition, unchanged } from "../job-change.ts";

/** Once, and only while it waits: what a doubled or late look-up says changes nothing. */
export function takeRequirements(job: Job, { requirements, digest, note }: Extract<JobChange, { type: "image-looked-up" }>): Transition {
  if (job.state !== "pending" || job.imageRequirements !== undefined) return unchanged(job);
  const history = note === null ? [] : [{ type: "image", message: note }];
  return { job: nextRow(job, { imageRequirements: requirements, ...(digest === null ? {} : { imageDigest: digest }) }), history };
}
