import { exists } from "../platform/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineCore } from "./engine-core.ts";
import { cgroupOf, monitored } from "./monitored.ts";
import { containerPaths } from "./paths.ts";

const KILL_WAIT_MS = 10_000;

/** What may be known of a container: after a crash, only its id. */
export type Releasable = { request: { id: string }; runtime?: string; network?: ContainerRecord["network"] };

/**
 * Gives back all that a container holds outside its folder: processes, runtime state, cgroup, monitor, network, lease,
 * mount. Every step is fine with what is not there, so a failed or interrupted release is simply done again.
 * The order is by dependency: no process before its mounts and network go.
 */
export async function release(core: EngineCore, record: Releasable): Promise<void> {
  const { id } = record.request;
  const cgroup = cgroupOf(core.paths, id);
  await core.monitor.forget(monitored(core.paths, id));
  await core.cgroups.kill(cgroup, KILL_WAIT_MS);
  await (core.runtimes.get(record.runtime ?? "") ?? core.runtime).delete(id);
  await core.cgroups.remove(cgroup);
  await Promise.all([core.leases.remove(id), unmount(core, id), releaseNetwork(core, record)]);
}

async function unmount(core: EngineCore, id: string): Promise<void> {
  const { dir } = containerPaths(core.paths, id);
  if (await exists(dir)) await core.options.snapshots.unmount(dir);
}

async function releaseNetwork(core: EngineCore, record: Releasable): Promise<void> {
  if (record.network) await core.networks.release(record.network.slot);
}
