import { BerthError } from "../../shared/domain/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { EngineCore } from "./engine-core.ts";
import { cgroupOf } from "./monitored.ts";
import { signalNumber } from "./signals.ts";

const KILL_WAIT_MS = 15_000;

/**
 * Asks the first process, waits, then kills the whole cgroup.
 * @throws BerthError container_not_found, container_stuck when a process does not go away even so
 */
export async function stop(core: EngineCore, id: string, graceSeconds: number): Promise<void> {
  const record = core.table.get(id);
  if (record === null) throw new BerthError("container_not_found", `no container ${id}`);
  if (record.phase === "exited" || record.phase === "removing") return;
  if (graceSeconds > 0 && signalFirstProcess(core, record, record.stopSignal) && (await endsWithin(core, id, graceSeconds * 1000))) return;
  await core.cgroups.kill(cgroupOf(core.paths, id), KILL_WAIT_MS);
  if (await endsWithin(core, id, KILL_WAIT_MS)) return;
  throw new BerthError("container_stuck", `container ${id} did not end: a process hangs in the kernel`);
}

/** False when there is nobody to ask. */
export function signalFirstProcess(core: EngineCore, { process }: ContainerRecord, signal: string): boolean {
  return process !== null && core.options.native.signalProcess(process.pid, process.startTimeTicks, signalNumber(signal));
}

async function endsWithin(core: EngineCore, id: string, milliseconds: number): Promise<boolean> {
  const waiting = new AbortController();
  const timeout = core.options.clock.sleep(milliseconds, waiting.signal).then(() => false);
  const ended = core.table.ended(id, waiting.signal).then(() => true);
  try {
    return await Promise.race([ended, timeout]);
  } finally {
    waiting.abort();
    await Promise.allSettled([ended, timeout]);
  }
}
