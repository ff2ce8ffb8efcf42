import { gpuCountText, WHOLE_GPU_MILLIS } from "./gpu-share.ts";
import type { Assignment } from "./job.ts";

type Place = Pick<Assignment, "nodeId" | "gpuUuids" | "gpuShare">;

/** "n1 (2 GPUs), n2 (0.5 of a GPU)", for people. */
export function placesText(assignments: readonly Place[]): string {
  const byNode = new Map<string, Place[]>();
  for (const place of assignments) byNode.set(place.nodeId, [...(byNode.get(place.nodeId) ?? []), place]);
  return [...byNode].map(([nodeId, places]) => `${nodeId}${held(places)}`).join(", ");
}

function held(places: readonly Place[]): string {
  const uuids = places.flatMap(({ gpuUuids }) => gpuUuids);
  if (uuids.length === 0) return "";
  const unit = uuids[0]?.startsWith("MIG-") ? "MIG device" : "GPU";
  const millis = places.reduce((sum, { gpuShare }) => sum + (gpuShare?.millis ?? 0), 0);
  const whole = millis === 0 ? uuids.length : millis / WHOLE_GPU_MILLIS;
  return whole < 1 ? ` (${gpuCountText(whole)} of a ${unit})` : ` (${gpuCountText(whole)} ${unit}${whole === 1 ? "" : "s"})`;
}
