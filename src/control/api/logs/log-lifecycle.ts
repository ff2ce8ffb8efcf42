import type { SyncRequest, SyncResponse } from "../../../shared/wire/index.ts";
import type { ReplicaKey } from "./log-paths.ts";
import type { LogStore } from "./log-store.ts";

/** What a node's syncs tell about its logs: whose they are, and when they are complete. */
export interface LogLifecycle {
  /** An agent says `exited` only after it pushed the whole log: it is made durable before the end of the replica counts. */
  beforeReports(request: SyncRequest): Promise<void>;
  afterSync(request: SyncRequest, answer: SyncResponse): Promise<void>;
}

/** Remembers for each node which replicas' logs it may write, so that only new ones cost a file. */
export function createLogLifecycle(logs: LogStore): LogLifecycle {
  const granted = new Map<string, Set<string>>();
  return {
    beforeReports: async ({ nodeId, replicas }) => {
      const ended = replicas.filter(({ state }) => state === "exited").map(keyOf);
      await Promise.all(ended.filter((key) => !logs.isFinal(key)).map((key) => complete(logs, nodeId, key)));
    },
    afterSync: async ({ nodeId }, { desired }) => {
      const known = granted.get(nodeId) ?? new Set();
      const keys = new Map(desired.map((replica) => [nameOf(replica), keyOf(replica)]));
      for (const [name, key] of keys) if (!known.has(name)) await logs.grant(key, nodeId);
      granted.set(nodeId, new Set(keys.keys()));
    },
  };
}

/** A node that names another's replica must not end what people follow. */
async function complete(logs: LogStore, nodeId: string, key: ReplicaKey): Promise<void> {
  if ((await logs.owner(key)) !== nodeId) return;
  await logs.flush(key);
  logs.markFinal(key);
}

function nameOf({ jobId, epoch, rank }: ReplicaKey): string {
  return `${jobId}/${epoch}/${rank}`;
}

function keyOf({ jobId, epoch, rank }: ReplicaKey): ReplicaKey {
  return { jobId, epoch, rank };
}
