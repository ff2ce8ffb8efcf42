import type { ProcessIdentity } from "../../platform/index.ts";

/**
 * Port to whatever holds a container's output and exit code while no agent is there: it outlives the agent, so an
 * agent that comes back finds both.
 */
export interface Monitor {
  /** Creates the container, not yet running the user's program. @throws BerthError container_start_failed */
  create(container: MonitoredContainer, signal: AbortSignal): Promise<{ pid: number }>;
  /** The monitor process of a container made by an earlier agent; null when it is gone. */
  find(container: MonitoredContainer): Promise<ProcessIdentity | null>;
  /** The container's first process as the monitor wrote it down; null before it was created. */
  containerPid(container: MonitoredContainer): Promise<number | null>;
  /** Calls back once, when the container ended or its monitor did. Returns the unsubscriber. */
  watch(container: MonitoredContainer, onEnd: (end: MonitorEnd) => void): () => void;
  /** How it ended, if it did. */
  exitOf(container: MonitoredContainer): Promise<MonitorEnd | null>;
  /** True when the kernel killed something in it for memory, as far as the monitor saw. */
  sawOom(container: MonitoredContainer): Promise<boolean>;
  /** Ends the monitor process and removes what it left outside the container's folder. */
  forget(container: MonitoredContainer): Promise<void>;
  close(): void;
}

export interface MonitoredContainer {
  id: string;
  /** Holds config.json; the monitor's sockets appear here. */
  bundle: string;
  /** For the monitor's own small files. */
  stateDir: string;
  logFile: string;
}

/** `lost`: the monitor ended without an exit code, so nobody will ever know it. */
export type MonitorEnd = { kind: "exited"; code: number; at: number } | { kind: "lost" };
