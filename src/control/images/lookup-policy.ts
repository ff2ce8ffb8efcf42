import type { Job, JobSpec } from "../../shared/domain/index.ts";
import { listNamesHost, namesRegistry, parseReference } from "../../shared/oci/index.ts";

/** Which registries the control plane asks about the images that jobs name. */
export interface LookupPolicy {
  /** `on`: all, at public addresses; `listed`: only those named; `off`: none. */
  mode: "on" | "listed" | "off";
  /** "host[:port]", ".suffix" or CIDR; these may be at private addresses too. */
  registries: readonly string[];
}

export const DEFAULT_LOOKUP: LookupPolicy = { mode: "on", registries: [] };

/** A job waits for the look-up so long at most: then it is placed as if its image asked nothing, and the node judges. */
const LONGEST_WAIT_MS = 3000;

export interface LookupRule {
  /** Whether an image of the spec is to be had from a registry that may be asked: not what is only ever taken from the node. */
  asks(spec: Pick<JobSpec, "image" | "pull">): boolean;
  /** Whether the row lacks what a registry may say. A task has what its array was told. */
  wants(job: Job): boolean;
  /** Whether the job is to be left out of a scheduling pass for now. */
  awaits(job: Job, now: number): boolean;
}

/** What the policy means for one job; no I/O, so a scheduling pass may ask it for every job. */
export function createLookupRule({ mode, registries }: LookupPolicy): LookupRule {
  const asks: LookupRule["asks"] = ({ image, pull }) => {
    if (mode === "off" || pull === "never" || !namesRegistry(image)) return false;
    return mode === "on" || listNamesHost(registries, parseReference(image).registry, false);
  };
  const wants = ({ spec, task, imageRequirements }: Job) => imageRequirements === undefined && task === undefined && asks(spec);
  const awaits = (job: Job, now: number) =>
    now - job.submittedAt < LONGEST_WAIT_MS && job.state === "pending" && job.epoch === 0 && wants(job);
  return { asks, wants, awaits };
}
