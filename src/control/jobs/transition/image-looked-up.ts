import type { Job } from "../../../shared/domain/index.ts";
import { type JobChange, nextRow, type Transition, unchanged } from "../job-change.ts";

/** Once, and only while it waits (of an array: while tasks may): what a doubled or late look-up says changes nothing. */
export function takeImageFacts(job: Job, change: Extract<JobChange, { type: "image-looked-up" }>): Transition {
  const { requirements, digest, architectures, layers, note } = change;
  const open = job.state === "pending" || (job.array !== undefined && job.state === "running");
  if (!open || job.imageRequirements !== undefined) return unchanged(job);
  const known = {
    imageRequirements: requirements,
    ...(digest === null ? {} : { imageDigest: digest }),
    ...(layers.length === 0 ? {} : { imageLayers: layers }),
    ...(architectures.length === 0 ? {} : { imageArchitectures: architectures }),
  };
  return { job: nextRow(job, known), history: note === null ? [] : [{ type: "image", message: note }] };
}
