import { BerthError } from "../../shared/domain/index.ts";

/** Who holds GPUs on this node now: every live container and every start in hand. */
export interface GpuHolder {
  containerId: string;
  gpuUuids: readonly string[];
}

/**
 * The node's own last word on "one owner per GPU", whatever the scheduler believes.
 * @throws BerthError gpu_unavailable naming the holder, or a GPU this node does not have or that is unhealthy
 */
export function claimGpus(
  containerId: string,
  wanted: readonly string[],
  holders: readonly GpuHolder[],
  healthy: ReadonlyMap<string, boolean>,
): void {
  const twice = wanted.find((uuid, position) => wanted.indexOf(uuid) !== position);
  if (twice !== undefined) refuse(`GPU ${twice} is assigned twice to ${containerId}`);
  for (const uuid of wanted) {
    const holder = holders.find((other) => other.containerId !== containerId && other.gpuUuids.includes(uuid));
    if (holder) refuse(`GPU ${uuid} is in use by ${holder.containerId}`);
    if (!healthy.has(uuid)) refuse(`GPU ${uuid} is not on this node`);
    if (healthy.get(uuid) === false) refuse(`GPU ${uuid} is not healthy`);
  }
}

function refuse(message: string): never {
  throw new BerthError("gpu_unavailable", message);
}
