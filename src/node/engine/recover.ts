import { mkdir, readdir } from "node:fs/promises";
import { errorText } from "../../shared/domain/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineCore, UsernsSetting } from "./engine-core.ts";
import { finish } from "./finish.ts";
import { inferRecovery } from "./infer-recovery.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import { monitored } from "./monitored.ts";
import type { EnginePaths } from "./paths.ts";
import { readRecord, writeRecord } from "./record-store.ts";
import { release } from "./release.ts";
import { discard } from "./remove.ts";
import { checkParents, letSearch } from "./search-permission.ts";
import { sweep } from "./sweep.ts";
import { watch } from "./watch.ts";

/** The folders the engine writes to; private, for they hold environments and rootfs with setuid files. */
export async function makeFolders(paths: EnginePaths, userns: UsernsSetting | null): Promise<void> {
  const folders = [paths.containers, paths.volumes, paths.exits, paths.runtimeState, paths.leases, paths.netns];
  await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
  if (userns === null) return;
  await checkParents(paths.dataDir);
  await letSearch([paths.dataDir, paths.containers], userns.mapping);
}

/** Brings every container folder into a state that the engine knows, then removes whatever belongs to none of them. */
export async function recover(core: EngineCore, locks: KeyedLock): Promise<void> {
  const ids = await readdir(core.paths.containers);
  const leftovers = new Set<string>();
  for (const id of ids) {
    await recoverOne(core, locks, id).catch((error: unknown) => {
      // One damaged container must not keep the node down. It is tried again at the next start.
      leftovers.add(id);
      core.options.logger.error({ container: id }, `cannot recover a container: ${errorText(error)}`);
    });
  }
  await sweep(core, leftovers);
}

async function recoverOne(core: EngineCore, locks: KeyedLock, id: string): Promise<void> {
  const record = await readRecord(core.paths, id);
  const recovery = inferRecovery({ record, bootId: core.bootId, ...(await look(core, id, record)) });
  core.options.logger.info({ container: id, phase: record?.phase ?? "unknown", recovery }, "recovered a container");
  if (recovery === "discard" || record === null) return discard(core, record ?? { request: { id } });
  if (recovery === "release") return keep(core, record);
  if (recovery === "lost") {
    core.table.set(record);
    return finish(core, record, { kind: "lost" });
  }
  await adopt(core, locks, record);
}

async function look(core: EngineCore, id: string, record: ContainerRecord | null) {
  if (record === null || (record.phase !== "starting" && record.phase !== "running")) return { hasExit: false, runtimeStatus: null };
  const exit = await core.monitor.exitOf(monitored(core.paths, id));
  const runtime = core.runtimes.get(record.runtime) ?? core.runtime;
  const runtimeStatus = record.phase === "starting" && exit === null ? await runtime.status(id) : null;
  return { hasExit: exit?.kind === "exited", runtimeStatus };
}

async function keep(core: EngineCore, record: ContainerRecord): Promise<void> {
  core.table.set(record);
  await release(core, record);
}

async function adopt(core: EngineCore, locks: KeyedLock, record: ContainerRecord): Promise<void> {
  const running: ContainerRecord = { ...record, phase: "running", startedAt: record.startedAt ?? record.createdAt };
  await writeRecord(core.paths, running);
  core.table.set(running);
  if (running.request.leased) await core.leases.ensureGuard();
  watch(core, locks, running);
}
