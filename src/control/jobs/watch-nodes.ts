import type { Clock, Job, NodeRecord } from "../../shared/domain/index.ts";
import { applyChange } from "./apply-change.ts";
import { chargeNodes } from "./failure-ledger.ts";
import type { JobStore } from "./job-store.ts";
import { judge, type Now, observe, type Patience, type Sighting } from "./liveness.ts";
import type { NodeStore } from "./node-store.ts";

export interface NodeWatch {
  /** Brings the nodes' states up to date and takes the attempts of lost ones away. Returns the nodes and who was newly lost. */
  look(): Promise<{ nodes: NodeRecord[]; lost: string[]; touched: Job[] }>;
}

/**
 * The order is what keeps a GPU from having two owners: a node is first marked lost, which fails if it has synced since;
 * from then on its syncs are granted nothing; then its attempts are taken away; and only then may it return.
 */
export function createNodeWatch(store: JobStore, nodeStore: NodeStore, clock: Clock, patience: Patience): NodeWatch {
  let sightings: ReadonlyMap<string, Sighting> = new Map();

  const update = async (node: NodeRecord, now: Now): Promise<{ node: NodeRecord; newlyLost: boolean; touched: Job[] }> => {
    const sighting = sightings.get(node.id);
    const verdict = sighting === undefined ? "alive" : judge(node, sighting, now, patience);
    if (verdict === "alive" || (verdict === "suspect" && node.state === "suspect")) return { node, newlyLost: false, touched: [] };
    if (verdict === "suspect") return { node: await changeState(nodeStore, node, "suspect"), newlyLost: false, touched: [] };
    const newlyLost = node.state !== "lost";
    const lost = newlyLost ? await changeState(nodeStore, node, "lost") : node;
    if (lost.state !== "lost") return { node: lost, newlyLost: false, touched: [] };
    const why = newlyLost
      ? `${node.name} was silent for ${Math.round(patience.lostMs / 1000)}s and is lost`
      : `${node.name} was lost or has restarted`;
    const touched = await takeAway(store, nodeStore, node.id, why, now.wall);
    return { node: verdict === "returned" ? await changeState(nodeStore, lost, "ready") : lost, newlyLost, touched };
  };

  return {
    look: async () => {
      const records = await nodeStore.list();
      // Read after the records came: a sighting must never be dated before the sync that it saw, however long the read took.
      const now = { wall: clock.now(), monotonic: clock.monotonic() };
      sightings = observe(sightings, records, now.monotonic);
      const updates = [];
      for (const record of records) updates.push(await update(record, now));
      return {
        nodes: updates.map(({ node }) => node),
        lost: updates.filter(({ newlyLost }) => newlyLost).map(({ node }) => node.id),
        touched: updates.flatMap(({ touched }) => touched),
      };
    },
  };
}

/** The record with the new state; as it was when the node has synced or changed in the meantime (the next look sees it). */
async function changeState(nodeStore: NodeStore, node: NodeRecord, state: NodeRecord["state"]): Promise<NodeRecord> {
  return (await nodeStore.setState(node, state)) ? { ...node, state } : node;
}

async function takeAway(store: JobStore, nodeStore: NodeStore, nodeId: string, why: string, now: number): Promise<Job[]> {
  const touched: Job[] = [];
  for (const job of await store.onNode(nodeId)) {
    const after = await applyChange(store, job.id, { type: "node-lost", nodeId, why }, now);
    if (after.version === job.version) continue;
    touched.push(job);
    await chargeNodes(nodeStore, [{ before: job, after }]);
  }
  return touched;
}
