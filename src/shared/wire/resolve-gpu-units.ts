import { BerthError, type ResourceRequest, WHOLE_GPU_MILLIS } from "../domain/index.ts";
import type { JobSpecInput } from "./job-spec-schema.ts";

const GPU_WISHES = ["gpuModel", "gpuMemory", "computeCapability", "driver", "cuda"] as const;
type Asked = Pick<NonNullable<JobSpecInput["resources"]>, "gpus" | "gpuSharing" | "mig" | (typeof GPU_WISHES)[number]>;
type Wishes = Pick<ResourceRequest, "gpuMemoryBytes" | "gpuMemoryMaxBytes" | "gpuConditions">;

/** Finer shares than these are no use: MPS counts in percent, and no GPU runs more than a few dozen programs well. */
const LEAST_MILLIS = 10;

/**
 * Whole GPUs, a part of one, or MIG devices. With a part, the memory wish is what the job takes of the GPU's memory.
 * @throws BerthError invalid_job_spec for parts beyond one GPU, and for words that do not go together
 */
export function gpuUnits(asked: Asked, wishes: Wishes): Wishes & Pick<ResourceRequest, "gpus" | "gpuShare" | "migProfile"> {
  const { gpus, gpuSharing, mig } = asked;
  const part = gpus !== undefined && !Number.isInteger(gpus);
  if (gpuSharing !== undefined && !part)
    refuse("/resources/gpuSharing", `${gpuSharing} is for a part of a GPU; ask for one with gpus: 0.5`);
  // An explicit 0 takes the GPUs out of a spec that describes them; without a number they were probably meant.
  const wish = gpus === undefined && mig === undefined ? GPU_WISHES.find((name) => asked[name] !== undefined) : undefined;
  if (wish !== undefined) refuse(`/resources/${wish}`, "is a wish about GPUs, and none is asked for; write gpus: 1 (gpus: 0 for none)");
  if (mig !== undefined) return { ...wishes, gpus: devices(gpus, part), migProfile: mig };
  if (!part) return { ...wishes, gpus: gpus ?? 0 };
  const millis = millisOf(gpus);
  if (wishes.gpuMemoryMaxBytes !== undefined)
    refuse("/resources/gpuMemory", "with a part of a GPU it is what the job takes of the GPU's memory: write one size, 10Gi");
  return { ...wishes, gpus: 1, gpuShare: { millis, memoryBytes: wishes.gpuMemoryBytes, sharing: gpuSharing ?? "time-slice" } };
}

function devices(gpus: number | undefined, part: boolean): number {
  if (part) refuse("/resources/gpus", `${gpus} of a MIG device cannot be had; write a whole number, or leave mig out`);
  if (gpus === 0) refuse("/resources/mig", "no device is asked for: gpus is 0");
  return gpus ?? 1;
}

function millisOf(gpus: number): number {
  if (gpus > 1) refuse("/resources/gpus", `${gpus} is neither whole GPUs nor a part of one; write 0.5, 1 or 2`);
  const millis = Math.round(gpus * WHOLE_GPU_MILLIS);
  if (Math.abs(gpus * WHOLE_GPU_MILLIS - millis) > 1e-6) refuse("/resources/gpus", `${gpus} has more than three decimals`);
  if (millis < LEAST_MILLIS) refuse("/resources/gpus", `${gpus} is less than ${LEAST_MILLIS / WHOLE_GPU_MILLIS}`);
  return millis;
}

function refuse(field: string, message: string): never {
  throw new BerthError("invalid_job_spec", `${field}: ${message}`, { field });
}
