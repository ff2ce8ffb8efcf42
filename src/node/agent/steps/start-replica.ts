import { BerthError, errorText, isBerthError } from "../../../shared/domain/index.ts";
import type { DesiredReplica } from "../../../shared/wire/index.ts";
import type { Container, ContainerRequest } from "../../engine/index.ts";
import type { Progress } from "../../images/index.ts";
import { containerRequest } from "../container-request.ts";
import { claimGpus } from "../gpu-ledger.ts";
import { linkSignal, withTimeLimit } from "../linked-signal.ts";
import type { ReplicaEntry } from "../replica-entry.ts";
import { replicaImage } from "../replica-image.ts";
import { retireMps } from "../retire-mps.ts";
import type { StepContext } from "./context.ts";

/** Without the unpacking a start takes well below a second; a runtime that hangs must not hold GPUs for ever. */
const START_MS = 120_000;

/**
 * Unpacks the image and starts the container. Ends with a running container, a recorded start failure, a recorded
 * stop (aborted on the control plane's wish), or nothing at all (lease too old, agent stopping): then the next look starts over.
 */
export async function startReplica(context: StepContext, desired: DesiredReplica): Promise<void> {
  const entry = await context.table.add(desired, { activity: "start", ending: null });
  const abort = new AbortController();
  const either = linkSignal(context.signal);
  abort.signal.addEventListener("abort", () => either.abort());
  entry.startAbort = abort;
  try {
    const container = await runContainer(context, desired, entry, either.signal);
    await context.table.update(entry, { runningSinceMs: runningSince(context, container) });
    entry.message = null;
  } catch (error) {
    await recordFailure(context, entry, error, abort.signal);
  } finally {
    entry.activity = null;
    entry.startAbort = null;
    either.unlink();
    void retireMps(context);
  }
}

async function runContainer(context: StepContext, desired: DesiredReplica, entry: ReplicaEntry, signal: AbortSignal): Promise<Container> {
  const { engine, ensureImage, table } = context;
  const say = (message: string) => {
    entry.message = message;
  };
  claimGpus(entry.containerId, desired.spec, table.gpuHolders(), context.gpuHealth());
  const mps = await mpsOf(context, desired);
  // Pulling and unpacking may outlast a lease, so they come first and the newest lease is read after them.
  const image = await ensureImage(replicaImage(desired.spec), (line) => say(progressText(line)), signal, desired.spec.pull);
  say(`image ${image.digest}`);
  const leaseDeadlineMs = context.leaseDeadlineMs();
  if (leaseDeadlineMs === null || leaseDeadlineMs <= context.bootTimeMs()) {
    throw new BerthError("lease_expired", `the lease of ${entry.containerId} ended before it could start`);
  }
  const late = new BerthError("container_start_failed", `${entry.containerId} did not start within ${START_MS / 1000} s`);
  // By digest: a tag that moves meanwhile must not change what was just made ready.
  const request = { ...containerRequest(desired, entry.containerId, leaseDeadlineMs), image: image.digest, ...mps };
  const container = await withTimeLimit(signal, START_MS, late, (timed) => engine.run(request, say, timed));
  entry.leaseDeadlineMs = leaseDeadlineMs;
  return container;
}

/** Early: a node without MPS says so before it pulls anything. */
async function mpsOf({ mps }: StepContext, { spec }: DesiredReplica): Promise<Pick<ContainerRequest, "mps">> {
  const [gpuUuid] = spec.gpuUuids;
  return spec.gpuShare?.sharing === "mps" && gpuUuid !== undefined ? { mps: await mps.endpointOf(gpuUuid) } : {};
}

function progressText({ step, detail, current, total }: Parameters<Progress>[0]): string {
  const share = current === undefined || !total ? [] : [`${Math.floor((100 * current) / total)}%`];
  return [step, ...(detail === undefined ? [] : [detail]), ...share].join(" ");
}

async function recordFailure(context: StepContext, entry: ReplicaEntry, error: unknown, aborted: AbortSignal): Promise<void> {
  const { engine, table, clock, log } = context;
  // The container is there after all (its record could not be written): the next look goes on with it.
  if (engine.get(entry.containerId)) throw error;
  if (aborted.aborted) return table.update(entry, { ending: { cause: "stopped", at: clock.now() } });
  if (context.signal.aborted || isBerthError(error, "lease_expired")) return table.drop(entry.containerId);
  log.warn({ container: entry.containerId, err: error }, "replica could not start");
  const code = error instanceof BerthError ? error.code : "internal";
  await table.update(entry, { startFailure: { code, message: errorText(error), at: clock.now() } });
}

/** The program's start on the boot-time clock, for the time limit: it must not follow wall-clock steps. */
export function runningSince(context: Pick<StepContext, "clock" | "bootTimeMs">, container: Container): number {
  const age = container.startedAt === null ? 0 : Math.max(0, context.clock.now() - container.startedAt);
  return context.bootTimeMs() - age;
}
