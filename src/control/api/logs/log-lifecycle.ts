import type { SyncRequest, SyncResponse } from "../../../shared/wire/index.ts";
import type { ReplicaKey } from "./log-paths.ts";
import type { LogStore } from "./log-store.ts";

/** What a node's syncs tell about its logs: whose they are, when they must be durable, when they are complete. */
export interface LogLifecycle {
  beforeReports(request: SyncRequest): Promise<void>;
  afterSync(request: SyncRequest, answer: SyncResponse): Promise<void>;
}

export function createLogLifecycle(logs: LogStore): LogLifecycle {
  const listed = new Map<string, Map<string, ReplicaKey>>();
  const granted = new Map<string, Set<string>>();
  return {
    beforeReports: async ({ replicas }) => {
      await Promise.all(replicas.filter(({ state }) => state === "exited").map((report) => logs.flush(keyOf(report))));
    },
    afterSync: async ({ nodeId, replicas }, { desired }) => {
      const now = byName(replicas);
      // An agent keeps a replica in its list until its log is pushed to the end.
      for (const [name, key] of listed.get(nodeId) ?? []) if (!now.has(name)) logs.markFinal(key);
      listed.set(nodeId, now);
      const wanted = byName(desired);
      const known = granted.get(nodeId) ?? new Set();
      for (const [name, key] of wanted) if (!known.has(name)) await logs.grant(key, nodeId);
      granted.set(nodeId, new Set(wanted.keys()));
    },
  };
}

function byName(replicas: readonly ReplicaKey[]): Map<string, ReplicaKey> {
  return new Map(replicas.map((replica) => [`${replica.jobId}/${replica.epoch}/${replica.rank}`, keyOf(replica)]));
}

function keyOf({ jobId, epoch, rank }: ReplicaKey): ReplicaKey {
  return { jobId, epoch, rank };
}
