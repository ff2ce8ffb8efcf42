import { type Clock, errorText, type GpuCondition, type Job } from "../../shared/domain/index.ts";
import { imageRequirements, requirementConditions } from "../../shared/gpu-requirements/index.ts";
import { isDigest, type RegistryAccess } from "../../shared/oci/index.ts";
import { applyChange, type JobStore } from "../jobs/index.ts";
import { wantsLookup } from "./awaits-lookup.ts";
import { readImage } from "./read-image.ts";

/** Beyond this the registry is as good as away. */
const LONGEST_MS = 10_000;
const LONGEST_NOTE = 500;

export interface ImageLookup {
  /**
   * Reads what the image of a waiting job requires of a GPU, and which digest its name means, and writes both into the row; where that cannot be known, that
   * nothing is asked: the node judges when the container starts. May be called any number of times for a job.
   * @throws BerthError redis_unavailable
   */
  lookUp(jobId: string, signal: AbortSignal): Promise<void>;
}

export interface ImageLookupPorts {
  jobs: Pick<JobStore, "get" | "commit">;
  registries: Pick<RegistryAccess, "clientFor">;
  clock: Clock;
  wakeScheduler(reason: string): void;
}

interface Found {
  requirements: GpuCondition[][][];
  digest: string | null;
  note: string | null;
}

export function createImageLookup({ jobs, registries, clock, wakeScheduler }: ImageLookupPorts): ImageLookup {
  const read = async (job: Job, signal: AbortSignal): Promise<Found> => {
    const { image, env, placement, pull } = job.spec;
    let digest: string | null = null;
    try {
      const client = await registries.clientFor(image, null);
      const found = await readImage(client, image, placement?.architecture ?? null, signal);
      // Who says "missing" means what the node has, whatever the registry says.
      if (pull !== "missing" && isDigest(found.digest)) digest = found.digest;
      // As the container will have it: the job's own variables win, NVIDIA_DISABLE_REQUIRE among them.
      const requirements = requirementConditions(imageRequirements({ ...found.env, ...env }));
      return { requirements, digest, note: requirements.length === 0 ? null : `${image} requires ${requirementsText(requirements)}` };
    } catch (error) {
      const why = signal.aborted ? `no answer within ${LONGEST_MS / 1000} s` : errorText(error);
      const note = `cannot read what ${image} requires of a GPU: ${why}; the node judges when it starts`;
      return { requirements: [], digest, note: note.slice(0, LONGEST_NOTE) };
    }
  };
  return {
    async lookUp(jobId, signal) {
      const job = await jobs.get(jobId);
      if (job === null || job.state !== "pending" || !wantsLookup(job)) return;
      const found = await read(job, AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]));
      // Stopping is no answer of the registry: another control plane takes the job over.
      signal.throwIfAborted();
      await applyChange(jobs, jobId, { type: "image-looked-up", ...found }, clock.now());
      wakeScheduler(`image of job ${jobId} looked up`);
    },
  };
}

/** The alternative that image authors write for everybody is the first: "cuda >= 12.4". */
function requirementsText(requirements: readonly GpuCondition[][][]): string {
  const words = requirements.map(([first = []]) =>
    first.map(({ subject, operator, value }) => `${subject} ${operator} ${value}`).join(", "),
  );
  return words.join(", ").slice(0, LONGEST_NOTE);
}
