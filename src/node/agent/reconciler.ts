import { BerthError } from "../../shared/domain/index.ts";
import type { DesiredReplica } from "../../shared/wire/index.ts";
import { backoffMs } from "./backoff.ts";
import { inferSteps, type NodeView, nextInstant, type Step } from "./infer-steps.ts";
import type { ReplicaEntry } from "./replica-entry.ts";
import { abortStart } from "./steps/abort-start.ts";
import type { StepContext } from "./steps/context.ts";
import { declineReplica } from "./steps/decline-replica.ts";
import { enforceTimeLimit } from "./steps/enforce-time-limit.ts";
import { removeReplica } from "./steps/remove-replica.ts";
import { renewLease } from "./steps/renew-lease.ts";
import { requestCheckpoint } from "./steps/request-checkpoint.ts";
import { startReplica } from "./steps/start-replica.ts";
import { stopReplica } from "./steps/stop-replica.ts";

export interface Reconciler {
  /** What the newest sync said. `leaseDeadlineMs`: boot-time milliseconds. */
  want(desired: DesiredReplica[], leaseDeadlineMs: number): void;
  leaseDeadlineMs(): number | null;
  /** Compares and starts every step that is due; returns at once, however slow the steps are. */
  look(): void;
  /** Waits for the steps in hand, at most `waitMs`. */
  close(waitMs: number): Promise<void>;
}

const RETRY = { baseMs: 1_000, maxMs: 30_000 } as const;
/** Longest sleep before looking again: also repairs what no event told. */
const LOOK_MS = 5_000;

/** `onChange` is called when a step ended: the control plane should hear of it. */
export function createReconciler(context: StepContext, onChange: () => void, random: () => number): Reconciler {
  const running = new Set<Promise<void>>();
  let wanted: { desired: DesiredReplica[]; leaseDeadlineMs: number } | null = null;
  let timer: NodeJS.Timeout | undefined;

  const view = (): NodeView => ({
    nowMs: context.bootTimeMs(),
    desired: wanted?.desired ?? null,
    leaseDeadlineMs: wanted?.leaseDeadlineMs ?? null,
    replicas: context.table.observe(),
  });
  const look = () => {
    if (context.signal.aborted) return;
    for (const step of inferSteps(view())) track(step);
    const now = view();
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(LOOK_MS, Math.max(20, (nextInstant(now) ?? Number.POSITIVE_INFINITY) - now.nowMs)));
  };
  const track = (step: Step) => {
    const done = execute(context, step).then(
      () => succeeded(context, step, onChange, look),
      (error: unknown) => failed(context, step, error, random),
    );
    running.add(done);
    void done.finally(() => running.delete(done));
  };
  return {
    want: (desired, leaseDeadlineMs) => {
      wanted = { desired, leaseDeadlineMs };
    },
    leaseDeadlineMs: () => wanted?.leaseDeadlineMs ?? null,
    look,
    async close(waitMs) {
      clearTimeout(timer);
      await Promise.race([Promise.allSettled([...running]), context.clock.sleep(waitMs)]);
    },
  };
}

async function execute(context: StepContext, step: Step): Promise<void> {
  switch (step.verb) {
    case "start-replica":
      return startReplica(context, step.desired);
    case "decline-replica":
      return declineReplica(context, step.desired);
    case "abort-start":
      return abortStart(entryOf(context, step.containerId));
    case "renew-lease":
      return renewLease(context, entryOf(context, step.containerId), step.deadlineMs);
    case "request-checkpoint":
      return requestCheckpoint(context, entryOf(context, step.containerId));
    case "stop-replica":
      return stopReplica(context, entryOf(context, step.containerId), step.graceSeconds, "stopped");
    case "enforce-time-limit":
      return enforceTimeLimit(context, entryOf(context, step.containerId), step.graceSeconds);
    case "remove-replica":
      return removeReplica(context, entryOf(context, step.containerId));
  }
}

function entryOf(context: StepContext, containerId: string): ReplicaEntry {
  const entry = context.table.get(containerId);
  if (!entry) throw new BerthError("container_not_found", `no replica runs as ${containerId}`);
  return entry;
}

function succeeded(context: StepContext, step: Step, onChange: () => void, look: () => void): void {
  if (step.verb === "renew-lease" || step.verb === "abort-start" || step.verb === "request-checkpoint") return;
  const entry = "containerId" in step ? context.table.get(step.containerId) : undefined;
  if (entry) entry.failures = 0;
  context.log.debug({ step: step.verb }, "step done");
  onChange();
  look();
}

/** Tried again at the next look after the backoff: every sync and every few seconds brings one. */
function failed(context: StepContext, step: Step, error: unknown, random: () => number): void {
  if (context.signal.aborted) return;
  const containerId = "containerId" in step ? step.containerId : `job-${step.desired.jobId}-${step.desired.epoch}-${step.desired.rank}`;
  context.log.error({ step: step.verb, container: containerId, err: error }, "step failed, will be tried again");
  const entry = context.table.get(containerId);
  if (!entry || step.verb === "renew-lease") return;
  entry.failures += 1;
  entry.retryAtMs = context.bootTimeMs() + backoffMs(entry.failures, RETRY.baseMs, RETRY.maxMs, random);
  entry.message = `${step.verb} failed: ${error instanceof Error ? error.message : String(error)}`;
}
