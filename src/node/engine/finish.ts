import { errorText } from "../../shared/domain/index.ts";
import type { MonitorEnd } from "../runtime/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineCore } from "./engine-core.ts";
import { exitCause } from "./exit-cause.ts";
import { cgroupOf, monitored } from "./monitored.ts";
import { writeRecord } from "./record-store.ts";
import { release } from "./release.ts";
import { toResourceUsage } from "./resource-usage.ts";
import type { ContainerExit } from "./types.ts";

/** How long a killed process may take to go; one in uninterruptible sleep takes longer, and is then said to be there. */
const KILL_WAIT_MS = 10_000;

/**
 * Turns the end of a container into its record: kills what is left, reads what only its cgroup knows, writes the exit,
 * tells the listeners, and only then gives its resources back (a crash in between is finished by recover()).
 */
export async function finish(core: EngineCore, record: ContainerRecord, end: MonitorEnd): Promise<void> {
  const { id } = record.request;
  await core.cgroups.kill(cgroupOf(core.paths, id), KILL_WAIT_MS);
  const exited: ContainerRecord = { ...record, phase: "exited", exit: await exitOf(core, id, end) };
  await writeRecord(core.paths, exited);
  core.table.set(exited);
  await release(core, exited).catch((error: unknown) => {
    // Tried again by remove() and by the next recover().
    core.options.logger.warn({ container: id }, `cannot release everything of an ended container: ${errorText(error)}`);
  });
}

async function exitOf(core: EngineCore, id: string, end: MonitorEnd): Promise<ContainerExit> {
  const cgroup = cgroupOf(core.paths, id);
  const [usage, sawOom, leaseExpired] = await Promise.all([
    core.cgroups.usage(cgroup),
    core.monitor.sawOom(monitored(core.paths, id)),
    core.leases.hasExpired(id),
  ]);
  const code = end.kind === "exited" ? end.code : null;
  return {
    exitCode: code,
    cause: exitCause({ code, oom: sawOom || (usage?.oomKills ?? 0) > 0, leaseExpired }),
    finishedAt: end.kind === "exited" ? end.at : core.options.clock.now(),
    usage: toResourceUsage(usage),
  };
}
