import { errorText } from "../../shared/domain/index.ts";
import type { ContainerRecord, Phase } from "./container-record.ts";
import type { Container, ContainerState } from "./types.ts";

/** The containers of this engine, in memory, in the order they were made. The record on disk is always written first. */
export interface ContainerTable {
  get(id: string): ContainerRecord | null;
  list(): ContainerRecord[];
  /** Tells the listeners. */
  set(record: ContainerRecord): void;
  delete(id: string): void;
  onChange(listener: (container: Container) => void): () => void;
  /** Resolves when the container has ended or is not there any more. */
  ended(id: string, signal: AbortSignal): Promise<void>;
}

/** `onListenerError` gets the text of what a listener threw. */
export function createContainerTable(onListenerError: (message: string) => void): ContainerTable {
  const records = new Map<string, ContainerRecord>();
  const listeners = new Set<(container: Container) => void>();
  const isOver = (id: string) => {
    const record = records.get(id);
    return record === undefined || record.phase === "exited" || record.phase === "removing";
  };
  const waiting = new Map<string, Set<() => void>>();
  const wake = (id: string) => {
    if (isOver(id)) for (const resume of waiting.get(id) ?? []) resume();
  };

  return {
    get: (id) => records.get(id) ?? null,
    list: () => [...records.values()],
    set(record) {
      records.set(record.request.id, record);
      wake(record.request.id);
      for (const listener of listeners) callListener(listener, record, onListenerError);
    },
    delete(id) {
      records.delete(id);
      wake(id);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ended(id, signal) {
      if (isOver(id)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const resumes = waiting.get(id) ?? new Set();
        waiting.set(id, resumes);
        const done = (settle: () => void) => () => {
          resumes.delete(resume);
          signal.removeEventListener("abort", abort);
          settle();
        };
        const resume = done(resolve);
        const abort = done(() => reject(signal.reason));
        resumes.add(resume);
        signal.addEventListener("abort", abort, { once: true });
        if (signal.aborted) abort();
      });
    },
  };
}

/** A listener's error is its own: the engine's step goes on. */
function callListener(listener: (container: Container) => void, record: ContainerRecord, onError: (message: string) => void): void {
  try {
    listener(toContainer(record));
  } catch (error) {
    onError(`a container listener failed: ${errorText(error)}`);
  }
}

const STATES: Record<Phase, ContainerState> = {
  creating: "created",
  starting: "created",
  running: "running",
  exited: "exited",
  removing: "exited",
};

/** A copy that callers may keep: what changes is a new record. */
export function toContainer(record: ContainerRecord): Container {
  return {
    id: record.request.id,
    imageDigest: record.imageDigest,
    labels: { ...record.request.labels },
    state: STATES[record.phase],
    pid: record.phase === "running" ? (record.process?.pid ?? null) : null,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    exit: record.exit,
    gpuUuids: [...record.request.gpuUuids],
    ipAddress: record.network?.address ?? null,
    ports: record.network?.ports ?? [],
  };
}
