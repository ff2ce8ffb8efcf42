import { BerthError, type GpuShare, WHOLE_GPU_MILLIS } from "../../shared/domain/index.ts";

/** What a replica has of the node's GPUs. */
export interface GpuHolding {
  /** GPUs, or MIG devices. */
  gpuUuids: readonly string[];
  /** Of the one GPU; absent when it has all of each. */
  gpuShare?: GpuShare;
  project?: string;
}

/** Who holds GPUs on this node now: every live container and every start in hand. */
export interface GpuHolder extends GpuHolding {
  containerId: string;
}

/**
 * The node's own last word on "one owner per GPU", and on how much of a shared one is given, whatever the scheduler believes.
 * @throws BerthError gpu_unavailable naming the holder, or a GPU this node does not have or that is unhealthy
 */
export function claimGpus(
  containerId: string,
  wanted: GpuHolding,
  holders: readonly GpuHolder[],
  healthy: ReadonlyMap<string, boolean>,
): void {
  const { gpuUuids } = wanted;
  const twice = gpuUuids.find((uuid, position) => gpuUuids.indexOf(uuid) !== position);
  if (twice !== undefined) refuse(`GPU ${twice} is assigned twice to ${containerId}`);
  for (const uuid of gpuUuids) {
    const others = holders.filter((other) => other.containerId !== containerId && other.gpuUuids.includes(uuid));
    const [first] = others;
    if (wanted.gpuShare !== undefined) checkShare(uuid, wanted.gpuShare, wanted.project, others);
    else if (first) refuse(`GPU ${uuid} is in use by ${first.containerId}`);
    if (!healthy.has(uuid)) refuse(`GPU ${uuid} is not on this node`);
    if (healthy.get(uuid) === false) refuse(`GPU ${uuid} is not healthy`);
  }
}

function checkShare(uuid: string, share: GpuShare, project: string | undefined, others: readonly GpuHolder[]): void {
  let { millis, memoryBytes } = share;
  for (const { containerId, gpuShare, project: theirs } of others) {
    if (gpuShare === undefined) refuse(`GPU ${uuid} is in use by ${containerId}`);
    if (gpuShare.sharing !== share.sharing) refuse(`GPU ${uuid} is shared by ${gpuShare.sharing} with ${containerId}`);
    if (theirs !== project && share.acrossProjects !== true) refuse(`GPU ${uuid} is shared by project ${theirs} (${containerId})`);
    millis += gpuShare.millis;
    memoryBytes += gpuShare.memoryBytes;
  }
  const holders = others.map(({ containerId }) => containerId).join(", ");
  if (millis > WHOLE_GPU_MILLIS) refuse(`GPU ${uuid} has no room for ${share.millis / WHOLE_GPU_MILLIS} of it beside ${holders}`);
  if (memoryBytes > share.gpuMemoryBytes) refuse(`GPU ${uuid} has no room for ${share.memoryBytes} bytes beside ${holders}`);
}

function refuse(message: string): never {
  throw new BerthError("gpu_unavailable", message);
}
