import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CheckpointSpec, ErrorCode, GpuShare } from "../../shared/domain/index.ts";
import { readJson, removeDurably, writeJsonDurably } from "./durable-json.ts";
import type { ReplicaKey } from "./replica-key.ts";

/**
 * What the next agent must know of a replica and no container can tell: why we ended it, why it never started, and
 * the limits that go on while the control plane is away. Written before the act it describes.
 */
export interface ReplicaRecord extends ReplicaKey {
  version: 1;
  gpuUuids: string[];
  /** Of the one GPU; absent when it has all of each. */
  gpuShare?: GpuShare;
  /** Whose job it is; absent in records of older versions. */
  project?: string;
  timeLimitSeconds: number | null;
  stopGraceSeconds: number;
  /** Boot-time milliseconds when its program started; null before. */
  runningSinceMs: number | null;
  /** Set before the first signal, so an agent that dies in between keeps the cause. `at`: wall clock. */
  ending: { cause: "stopped" | "time-limit"; at: number } | null;
  /** How it is asked for checkpoints; null (absent in records of older agents) when it writes none. */
  checkpoint?: CheckpointSpec | null;
  /** A checkpoint was asked for before its stop: when (boot-time milliseconds), and the newest one until then. */
  checkpointAsked?: { atMs: number; seen: number | null } | null;
  startFailure: { code: ErrorCode; message: string; at: number } | null;
}

export interface ReplicaRecords {
  /** By container id. Unreadable ones are left out and given to `onDamaged`. */
  load(onDamaged: (path: string, error: unknown) => void): Promise<Map<string, ReplicaRecord>>;
  save(containerId: string, record: ReplicaRecord): Promise<void>;
  remove(containerId: string): Promise<void>;
}

/** One file a replica: <folder>/<container id>.json. */
export async function openReplicaRecords(folder: string): Promise<ReplicaRecords> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pathOf = (containerId: string) => join(folder, `${containerId}.json`);
  return {
    load: (onDamaged) => loadAll(folder, onDamaged),
    save: (containerId, record) => writeJsonDurably(pathOf(containerId), record),
    remove: (containerId) => removeDurably(pathOf(containerId)),
  };
}

async function loadAll(folder: string, onDamaged: (path: string, error: unknown) => void): Promise<Map<string, ReplicaRecord>> {
  const records = new Map<string, ReplicaRecord>();
  for (const name of await readdir(folder)) {
    if (name.startsWith(".") || !name.endsWith(".json")) continue;
    const path = join(folder, name);
    try {
      const record = (await readJson(path)) as ReplicaRecord | null;
      if (record?.version === 1) records.set(name.slice(0, -".json".length), record);
    } catch (error) {
      onDamaged(path, error);
    }
  }
  return records;
}
