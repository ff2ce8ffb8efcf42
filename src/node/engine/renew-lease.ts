import { BerthError } from "../../shared/domain/index.ts";
import type { EngineCore } from "./engine-core.ts";
import { cgroupOf } from "./monitored.ts";

/**
 * Moves the deadline (boot-time milliseconds) of a running container.
 * @throws BerthError container_not_found, lease_expired when the guard has already ended it
 */
export async function renewLease(core: EngineCore, id: string, deadlineMs: number): Promise<void> {
  const record = core.table.get(id);
  if (record === null || record.phase !== "running") throw new BerthError("container_not_found", `no running container ${id}`);
  if (await core.leases.hasExpired(id)) throw new BerthError("lease_expired", `the lease of ${id} has run out`);
  await core.leases.write(id, deadlineMs, core.cgroups.folders(cgroupOf(core.paths, id)));
  await core.leases.keepGuard();
}
