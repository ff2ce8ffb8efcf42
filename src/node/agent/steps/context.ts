import type { Clock } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import type { Engine } from "../../engine/index.ts";
import type { MpsDaemons } from "../../gpu/index.ts";
import type { EnsureImage } from "../ensure-image.ts";
import type { ReplicaTable } from "../replica-table.ts";

/** What the executors of steps act on. */
export interface StepContext {
  engine: Engine;
  ensureImage: EnsureImage;
  table: ReplicaTable;
  mps: MpsDaemons;
  clock: Clock;
  /** CLOCK_BOOTTIME, milliseconds. */
  bootTimeMs(): number;
  /** Lease deadline of the newest sync (boot-time milliseconds); null before the first. */
  leaseDeadlineMs(): number | null;
  /** GPUs of this node by UUID: true when healthy. */
  gpuHealth(): ReadonlyMap<string, boolean>;
  /** Nobody wants more of this container's log. */
  forgetLog(containerId: string): void;
  log: Logger;
  /** Aborts when the agent stops: containers go on, and what was not finished is left for the next agent. */
  signal: AbortSignal;
}
