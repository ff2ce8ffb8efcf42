import { BerthError } from "../../shared/domain/index.ts";
import { assembleCore } from "./assemble-core.ts";
import { readCheckpointTime } from "./checkpoint-file.ts";
import { toContainer } from "./container-table.ts";
import type { EngineCore, EngineOptions } from "./engine-core.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { cgroupOf } from "./monitored.ts";
import { containerPaths, enginePaths } from "./paths.ts";
import { readLog } from "./read-log.ts";
import { makeFolders, recover } from "./recover.ts";
import { remove } from "./remove.ts";
import { renewLease } from "./renew-lease.ts";
import { toResourceUsage } from "./resource-usage.ts";
import { run } from "./run.ts";
import { signalFirstProcess, stop } from "./stop.ts";
import { slotsInUse } from "./sweep.ts";
import type { Engine } from "./types.ts";
import { watch } from "./watch.ts";

export type NodeEngine = Engine & {
  /** "crun 1.8.1", and why it was chosen; after recover(). */
  runtime(): { name: string; version: string; reason: string };
  /** For steps of a build: see createRunStep. */
  core(): EngineCore;
};

/** The container engine of one node: see `Engine`. Call recover() before anything else. */
export function createEngine(options: EngineOptions): NodeEngine {
  const paths = enginePaths(options.dataDir, options.runDir);
  const locks = createKeyedLock();
  const listeners = createListenerRelay();
  let state: { core: EngineCore; reason: string } | null = null;
  const core = (): EngineCore => {
    if (state === null) throw new BerthError("internal", "the engine was used before recover() or after close()");
    return state.core;
  };

  return {
    async recover() {
      await makeFolders(paths, options.userns ?? null);
      state = await assembleCore(options, paths);
      state.core.table.onChange(listeners.emit);
      await recover(state.core, locks);
      state.core.networks.warm();
    },
    runtime: () => ({ name: core().runtime.name, version: core().runtime.version, reason: state?.reason ?? "" }),
    core,
    run: (request, progress, signal) =>
      locks.run(request.id, async () => {
        const record = await run(core(), request, progress, signal);
        core().table.set(record);
        watch(core(), locks, record);
        return toContainer(record);
      }),
    list: () => (state?.core.table.list() ?? []).map(toContainer),
    get(id) {
      const record = state?.core.table.get(id) ?? null;
      return record === null ? null : toContainer(record);
    },
    onChange: listeners.add,
    stop: (id, graceSeconds) => stop(core(), id, graceSeconds),
    signal: async (id, signal) => {
      const record = core().table.get(id);
      return record !== null && signalFirstProcess(core(), record, signal);
    },
    checkpointAt: (id) => readCheckpointTime(containerPaths(paths, id).checkpoint),
    renewLease: (id, deadlineMs) => locks.run(id, () => renewLease(core(), id, deadlineMs)),
    remove: (id) => locks.run(id, () => remove(core(), id)),
    readLog: (id, offset) => readLog(containerPaths(paths, id).log, offset),
    logPath: (id) => containerPaths(paths, id).log,
    async usage(id) {
      const running = core().table.get(id)?.phase === "running";
      return running ? toResourceUsage(await core().cgroups.usage(cgroupOf(paths, id))) : null;
    },
    async close() {
      if (state === null) return;
      const closing = state.core;
      closing.monitor.close();
      await locks.idle();
      await closing.networks.close(slotsInUse(closing));
      await closing.leases.close();
      if (closing.table.list().length === 0) await closing.cgroups.remove(paths.cgroup);
      state = null;
    },
  };
}

/** Listeners may come before recover(): they must hear of the recovered containers. */
function createListenerRelay() {
  const listeners = new Set<Parameters<Engine["onChange"]>[0]>();
  return {
    emit: (container: Parameters<Parameters<Engine["onChange"]>[0]>[0]) => {
      for (const listener of listeners) listener(container);
    },
    add: (listener: Parameters<Engine["onChange"]>[0]) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
