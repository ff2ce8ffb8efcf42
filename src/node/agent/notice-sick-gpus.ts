import type { Gpu } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { GpuHolder } from "./gpu-ledger.ts";

/** What a running replica's GPU has come down with. */
export interface SickGpuNews {
  containerId: string;
  uuid: string;
  text: string;
}

/**
 * Tells each (container, GPU, problem) once: the job goes on, as only it knows whether it still can, but its owner is to know. A
 * GPU that recovered and falls ill again is news again.
 */
export function createSickGpuNotice(log: Logger): (gpus: readonly Gpu[], holders: readonly GpuHolder[]) => SickGpuNews[] {
  let told = new Set<string>();
  return (gpus, holders) => {
    const all = gpus.filter(({ healthy }) => !healthy).flatMap((gpu) => newsOf(gpu, holders));
    const fresh = all.filter((news) => !told.has(keyOf(news)));
    told = new Set(all.map(keyOf));
    for (const { containerId, uuid, text } of fresh) log.error({ container: containerId, gpu: uuid }, `a running replica's ${text}`);
    return fresh;
  };
}

function newsOf({ uuid, index, problem, mig }: Gpu, holders: readonly GpuHolder[]): SickGpuNews[] {
  const parts = new Set([uuid, ...(mig?.devices ?? []).map((device) => device.uuid)]);
  const text = `GPU ${index} is not healthy: ${problem ?? "no reason given"}`;
  return holders.filter(({ gpuUuids }) => gpuUuids.some((held) => parts.has(held))).map(({ containerId }) => ({ containerId, uuid, text }));
}

function keyOf({ containerId, uuid, text }: SickGpuNews): string {
  return `${containerId} ${uuid} ${text}`;
}
