import type { Clock } from "../../shared/domain/index.ts";
import type { SyncRequest, SyncResponse } from "../../shared/wire/index.ts";
import type { JobStore } from "./job-store.ts";
import type { NodeStore } from "./node-store.ts";

export interface NodeSyncOptions {
  store: JobStore;
  nodes: NodeStore;
  clock: Clock;
  /** Called when the sync may have made room or work: new or returned node, replica ended. */
  wakeScheduler: (reason: string) => void;
  /** Called for another node whose desired replicas changed because of this sync (a gang that must stop). */
  nudgeNode: (nodeId: string) => void;
  leaseSeconds?: number;
  graceSeconds?: number;
  /** Seconds until the agent's next sync. Default 3. */
  intervalSeconds?: number;
}

/** The whole of POST /agent/v1/sync behind authentication: keep one for each process. */
export interface NodeSync {
  /**
   * Records the node, applies its reports and answers what it must run.
   * @throws BerthError node_not_found; conflict for an outdated sync; redis_unavailable
   */
  sync(request: SyncRequest): Promise<SyncResponse>;
}

export function createNodeSync(_options: NodeSyncOptions): NodeSync {
  throw new Error("not yet");
}
