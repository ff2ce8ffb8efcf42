import type { Job } from "../../shared/domain/index.ts";
import { type ClusterSnapshot, nodeCapacity, type Plan } from "../scheduler/index.ts";
import type { NodeStore } from "./node-store.ts";
import { pendingJob } from "./snapshot-of.ts";

/**
 * Why no state of the nodes that are known, present or away, could ever run the job; null when one could. Without any node
 * nothing is known yet, and null.
 * @throws BerthError redis_unavailable
 */
export async function neverFits(
  nodes: Pick<NodeStore, "list">,
  decide: (snapshot: ClusterSnapshot, now: number) => Plan,
  spec: Job["spec"],
  now: number,
): Promise<string | null> {
  const records = await nodes.list();
  if (records.length === 0) return null;
  const pending = [pendingJob({ id: "asked", spec, queuedAt: now })];
  const [reason] = decide({ nodes: records.map(nodeCapacity), pending, active: [] }, now).reasons;
  return reason?.kind === "never-fits" ? reason.reason : null;
}
