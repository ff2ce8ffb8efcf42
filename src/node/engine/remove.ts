import { rm } from "node:fs/promises";
import { BerthError } from "../../shared/domain/index.ts";
import type { EngineCore } from "./engine-core.ts";
import { containerPaths } from "./paths.ts";
import { writeRecord } from "./record-store.ts";
import { type Releasable, release } from "./release.ts";

/**
 * Removes an ended container and its files; missing is fine.
 * @throws BerthError conflict while it runs
 */
export async function remove(core: EngineCore, id: string): Promise<void> {
  const record = core.table.get(id);
  if (record === null) return;
  if (record.phase !== "exited" && record.phase !== "removing") {
    throw new BerthError("conflict", `container ${id} is running: stop it first`);
  }
  const removing = { ...record, phase: "removing" as const };
  await writeRecord(core.paths, removing);
  await discard(core, removing);
  core.table.delete(id);
}

/** Releases everything and removes the folder, record included: after this nothing knows of the container. */
export async function discard(core: EngineCore, record: Releasable): Promise<void> {
  await release(core, record);
  await rm(containerPaths(core.paths, record.request.id).dir, { recursive: true, force: true });
}
