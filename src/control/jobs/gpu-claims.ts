import { type GpuSharing, isActive, type Job, WHOLE_GPU_MILLIS } from "../../shared/domain/index.ts";

/** "<node>/<uuid>": a GPU or MIG device that a job has alone. Or a part of a GPU, which others may have parts of too. */
export type GpuClaim = string | ShareClaim;

export interface ShareClaim {
  /** "<node>/<uuid>" */
  gpu: string;
  millis: number;
  memoryBytes: number;
  gpuMemoryBytes: number;
  project: string;
  sharing: GpuSharing;
  /** True: other projects' parts may be on it. */
  across: boolean;
}

/** Who has a GPU: one job, or the jobs that have parts of it. */
export type GpuOwner = string | ReadonlyMap<string, Omit<ShareClaim, "gpu">>;

const NO_SHARES: Exclude<GpuOwner, string> = new Map();

/** What a job owns, from its placement to the end of its attempt. Replicas on one GPU make one claim. */
export function claimsOf(job: Job): GpuClaim[] {
  const whole: string[] = [];
  const shares = new Map<string, ShareClaim>();
  for (const { nodeId, gpuUuids, gpuShare } of isActive(job.state) ? (job.attempt?.assignments ?? []) : []) {
    for (const gpu of gpuUuids.map((uuid) => `${nodeId}/${uuid}`)) {
      if (gpuShare === undefined) {
        whole.push(gpu);
        continue;
      }
      const { millis, memoryBytes, gpuMemoryBytes, sharing, acrossProjects = false } = gpuShare;
      const before = shares.get(gpu) ?? { millis: 0, memoryBytes: 0 };
      const sum = { millis: before.millis + millis, memoryBytes: before.memoryBytes + memoryBytes };
      shares.set(gpu, { gpu, ...sum, gpuMemoryBytes, project: job.spec.project, sharing, across: acrossProjects });
    }
  }
  return [...whole, ...shares.values()];
}

/** "<node>/<uuid>", the key under which owners are kept. */
export function gpuOf(claim: GpuClaim): string {
  return typeof claim === "string" ? claim : claim.gpu;
}

/** Why the job may not have what it claims of a GPU beside its owners; null when it may. The transition script judges the same. */
export function claimConflict(jobId: string, claim: GpuClaim, owner: GpuOwner | undefined): string | null {
  if (typeof owner === "string" && owner !== jobId) return `belongs to job ${owner}`;
  const shares = typeof owner === "object" ? owner : NO_SHARES;
  if (typeof claim === "string") return shares.size === 0 ? null : "is shared by other jobs";
  let [millis, memoryBytes] = [claim.millis, claim.memoryBytes];
  for (const [id, share] of shares) {
    if (id === jobId) continue;
    if (share.sharing !== claim.sharing) return `is shared by ${share.sharing} with job ${id}`;
    if (share.project !== claim.project && !claim.across) return `is shared by project ${share.project}`;
    millis += share.millis;
    memoryBytes += share.memoryBytes;
  }
  return millis > WHOLE_GPU_MILLIS || memoryBytes > claim.gpuMemoryBytes ? "has no room left for the part" : null;
}
