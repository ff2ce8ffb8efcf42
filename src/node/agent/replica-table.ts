import type { DesiredReplica, ReplicaReport } from "../../shared/wire/index.ts";
import type { Container, Engine } from "../engine/index.ts";
import type { GpuHolder } from "./gpu-ledger.ts";
import type { Activity, LocalReplica } from "./infer-steps.ts";
import { newEntry, newRecord, phaseOf, type ReplicaEntry } from "./replica-entry.ts";
import { containerIdOf, keyFromLabels } from "./replica-key.ts";
import type { ReplicaRecord, ReplicaRecords } from "./replica-records.ts";
import { reportOf } from "./report.ts";

export interface ReplicaTable {
  entries(): ReplicaEntry[];
  get(containerId: string): ReplicaEntry | undefined;
  /** Makes an entry (visible at once, so nothing is begun twice) and writes its record durably. */
  add(wanted: DesiredReplica, initial: { activity: Activity | null; ending: ReplicaRecord["ending"] }): Promise<ReplicaEntry>;
  /** Takes in a container found running or ended without an entry. */
  adopt(container: Container): void;
  /** Changes the record durably before anybody sees the change. */
  update(entry: ReplicaEntry, change: Partial<ReplicaRecord>): Promise<void>;
  drop(containerId: string): Promise<void>;
  observe(): LocalReplica[];
  reports(): ReplicaReport[];
  gpuHolders(): GpuHolder[];
}

/** Limits of a container whose record was lost; the next sync brings the true ones. */
const ADOPTED = { timeLimitSeconds: null, stopGraceSeconds: 30 } as const;

/** Joins what the engine has with what the records say. Call after `engine.recover()`. */
export async function openReplicaTable(
  engine: Engine,
  records: ReplicaRecords,
  onDamaged: (path: string, error: unknown) => void,
): Promise<ReplicaTable> {
  const entries = new Map<string, ReplicaEntry>();
  const table = tableOver(engine, records, entries);
  for (const [containerId, record] of await records.load(onDamaged)) {
    const ended = record.startFailure !== null || record.ending !== null;
    // No container and no end: the engine rolled an interrupted start back, so it may be started again.
    if (engine.get(containerId) || ended) entries.set(containerId, newEntry(containerId, record));
    else await records.remove(containerId);
  }
  for (const container of engine.list()) table.adopt(container);
  return table;
}

function tableOver(engine: Engine, records: ReplicaRecords, entries: Map<string, ReplicaEntry>): ReplicaTable {
  const all = () => [...entries.values()];
  return {
    entries: all,
    get: (containerId) => entries.get(containerId),
    async add(wanted, { activity, ending }) {
      const entry = newEntry(containerIdOf(wanted), { ...newRecord(wanted, wanted.spec), ending });
      entry.activity = activity;
      entries.set(entry.containerId, entry);
      try {
        await records.save(entry.containerId, entry.record);
      } catch (error) {
        entries.delete(entry.containerId);
        throw error;
      }
      return entry;
    },
    adopt(container) {
      const key = keyFromLabels(container.labels);
      if (key === null || entries.has(container.id)) return;
      entries.set(container.id, newEntry(container.id, newRecord(key, { ...ADOPTED, gpuUuids: container.gpuUuids })));
    },
    async update(entry, change) {
      const record = { ...entry.record, ...change };
      await records.save(entry.containerId, record);
      entry.record = record;
    },
    async drop(containerId) {
      await records.remove(containerId);
      entries.delete(containerId);
    },
    observe: () => all().map((entry) => localReplica(entry, engine.get(entry.containerId))),
    reports: () => all().map((entry) => reportOf(entry, engine.get(entry.containerId))),
    gpuHolders: () => gpuHolders(engine, all()),
  };
}

function localReplica(entry: ReplicaEntry, container: Container | null): LocalReplica {
  const { record } = entry;
  const limited = record.timeLimitSeconds !== null && record.runningSinceMs !== null;
  return {
    key: entry.key,
    containerId: entry.containerId,
    phase: phaseOf(entry, container),
    activity: entry.activity,
    aborting: entry.startAbort?.signal.aborted ?? false,
    graceSeconds: record.stopGraceSeconds,
    timeLimitAtMs: limited ? (record.runningSinceMs ?? 0) + (record.timeLimitSeconds ?? 0) * 1000 : null,
    checkpointDueMs: checkpointDue(entry),
    leaseDeadlineMs: entry.leaseDeadlineMs,
    retryAtMs: entry.retryAtMs,
  };
}

/** Every interval, and once a grace before the time limit (as Slurm's --signal); null when none is due ever. */
function checkpointDue({ record, checkpointAskedMs }: ReplicaEntry): number | null {
  const { checkpoint, runningSinceMs, timeLimitSeconds } = record;
  if (checkpoint == null || runningSinceMs === null) return null;
  const { graceSeconds, intervalSeconds } = checkpoint;
  const asked = checkpointAskedMs ?? runningSinceMs;
  const regular = intervalSeconds === null ? Number.POSITIVE_INFINITY : asked + intervalSeconds * 1000;
  const last = timeLimitSeconds === null ? Number.POSITIVE_INFINITY : runningSinceMs + (timeLimitSeconds - graceSeconds) * 1000;
  const due = Math.min(regular, last > asked ? last : Number.POSITIVE_INFINITY);
  return Number.isFinite(due) ? due : null;
}

/** A container whose record was lost holds all of its GPUs: how much of them it was given, nobody knows. */
function gpuHolders(engine: Engine, entries: ReplicaEntry[]): GpuHolder[] {
  const live = engine.list().filter((container) => container.state !== "exited");
  const holders = new Map(
    live.map((container) => [container.id, { containerId: container.id, gpuUuids: container.gpuUuids } as GpuHolder]),
  );
  for (const { containerId, activity, record } of entries) {
    if (activity !== "start" && !holders.has(containerId)) continue;
    const { gpuUuids, gpuShare, project } = record;
    holders.set(containerId, {
      ...{ containerId, gpuUuids: holders.get(containerId)?.gpuUuids ?? gpuUuids },
      ...(gpuShare === undefined ? {} : { gpuShare }),
      ...(project === undefined ? {} : { project }),
    });
  }
  return [...holders.values()];
}
