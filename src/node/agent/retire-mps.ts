import type { StepContext } from "./steps/context.ts";

/** Ends the MPS daemons of GPUs that no replica shares by MPS any more; what fails is tried again with the next change. */
export function retireMps({ mps, table, log }: Pick<StepContext, "mps" | "table" | "log">): Promise<void> {
  const inUse = () => new Set(table.gpuHolders().flatMap(({ gpuUuids, gpuShare }) => (gpuShare?.sharing === "mps" ? gpuUuids : [])));
  return mps.keepOnly(inUse).catch((error: unknown) => log.warn({ err: error }, "an MPS daemon could not be ended"));
}
