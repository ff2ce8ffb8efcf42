import type { Clock, Job } from "../../shared/domain/index.ts";
import type { ClusterSnapshot, Plan } from "../scheduler/index.ts";
import type { JobStore } from "./job-store.ts";
import type { NodeStore } from "./node-store.ts";

/** What the loop needs of a logger (pino fits). */
export interface LoopLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ScheduleLoopOptions {
  store: JobStore;
  nodes: NodeStore;
  decide: (snapshot: ClusterSnapshot, now: number) => Plan;
  /** Hints only; a failure is logged and forgotten. */
  queues: { nudgeNode(nodeId: string): Promise<void> };
  clock: Clock;
  /** Seconds a lease lasts from the sync that it was granted for. Default 60. */
  leaseSeconds?: number;
  /** Seconds more before a silent node's work is given away. Default 10. */
  graceSeconds?: number;
  /** Seconds of silence after which nothing new is placed on a node. Default 15. */
  suspectSeconds?: number;
  /** Seconds between passes when nothing wakes it. Default 2. */
  intervalSeconds?: number;
  log?: LoopLog;
}

export interface PassResult {
  placed: Job[];
  /** Nodes newly found lost. */
  lost: string[];
  reasonsWritten: number;
}

export interface ScheduleLoop {
  /** Runs passes until the signal aborts; a pass that fails is logged and tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** Asks for a pass soon; many calls make one pass. */
  wake(): void;
  /** One pass now (run() calls it; tests and the simulator may). */
  pass(): Promise<PassResult>;
}

export function createScheduleLoop(_options: ScheduleLoopOptions): ScheduleLoop {
  throw new Error("not yet");
}
