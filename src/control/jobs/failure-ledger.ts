import { type AvoidedHardware, isBerthError, type Job, type NodeControls } from "../../shared/domain/index.ts";
import type { NodeStore } from "./node-store.ts";
import { newFaults } from "./transition/hardware-fault.ts";

/** A GPU or node is quarantined after so many incidents, with more than one job among them, within the window. */
const INCIDENTS = 3;
const JOBS = 2;
const WINDOW_MS = 24 * 3600_000;
/** Not charged: a node that was lost and speaks again has proven what it was suspected of, and nobody would ever release it. */
const LOSS = / lost$| restarted$/;
/** Nor this: another program has the port, and the node is as good as ever for those who do not ask for it. */
const PORT = /^port_unavailable\b/;
const MOST_CHARGES = 64;

/**
 * The node's controls with the fault on its account; a GPU or, when no single GPU is to blame, the node goes into
 * quarantine when the account is full. One job that breaks everything it touches never fills it alone.
 */
export function chargeFault(controls: NodeControls, fault: AvoidedHardware, jobId: string): NodeControls {
  const { gpuUuid, why, at } = fault;
  if (LOSS.test(why) || PORT.test(why)) return controls;
  const recent = (controls.charges ?? []).filter((charge) => at - charge.at < WINDOW_MS);
  const charges = [...recent, { gpuUuid, why, at, jobId }].slice(-MOST_CHARGES);
  const against = charges.filter((charge) => charge.gpuUuid === gpuUuid);
  const known = controls.quarantines.some((quarantine) => quarantine.gpuUuid === gpuUuid);
  const jobs = new Set(against.map((charge) => charge.jobId)).size;
  if (known || jobs < JOBS || against.length < INCIDENTS) return { ...controls, charges };
  const reason = `${against.length} failures of ${jobs} jobs, the last: ${why}`;
  return { ...controls, charges, quarantines: [...controls.quarantines, { gpuUuid, reason, since: at }] };
}

/**
 * Charges the nodes with what the jobs' changes blame on them. The job's row is written first, so a crash in between loses
 * one charge and never makes one up.
 */
export async function chargeNodes(nodes: NodeStore, changes: readonly { before: Job; after: Job }[]): Promise<void> {
  for (const { before, after } of changes) {
    for (const fault of newFaults(before, after)) {
      await nodes
        .control(fault.nodeId, (controls) => chargeFault(controls, fault, after.id))
        .catch((error: unknown) => {
          // The node was removed in the meantime: nobody is left to blame.
          if (!isBerthError(error, "node_not_found")) throw error;
        });
    }
  }
}
