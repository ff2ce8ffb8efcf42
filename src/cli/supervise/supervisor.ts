import { mkdir } from "node:fs/promises";
import type { Native } from "../../node/platform/index.ts";
import { type Clock, pause } from "../../shared/domain/index.ts";
import type { BerthPaths } from "./berth-paths.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import { endOrphans } from "./orphans.ts";
import { makePrivateFolder } from "./private-folder.ts";
import { readProcess } from "./process-table.ts";
import { type Service, type ServiceSpec, startService } from "./service.ts";

export interface SupervisorDeps {
  native: Pick<Native, "tryLock" | "signalProcess">;
  clock: Clock;
  say(line: string): void;
}

export interface Supervision {
  paths: BerthPaths;
  listen: string;
  specs: readonly ServiceSpec[];
  /** Stop in order. */
  stop: AbortSignal;
  /** Stop at once. */
  hurry: AbortSignal;
  onReady(): void;
}

const ROTATE_INTERVAL_MS = 60_000;

/**
 * Holds the data dir, starts the children one after the other, keeps them alive until `stop`, and stops them in the
 * opposite order: the agent first, so that its last reports still find a control plane, Redis last.
 * @throws BerthError data_dir_locked, or a child's failure to become ready
 */
export async function superviseChildren(run: Supervision, deps: SupervisorDeps): Promise<void> {
  const { paths } = run;
  await mkdir(paths.dataDir, { recursive: true, mode: 0o711 });
  const lock = await lockDataDir(deps, paths.lockFile, paths.dataDir, await holderOf(run, deps.clock));
  const services: Service[] = [];
  try {
    await makePrivateFolder(paths.runDir);
    await makePrivateFolder(paths.logDir);
    const ended = await endOrphans(paths.pidDir, deps.native, deps.clock);
    if (ended.length > 0) deps.say(`ended what a killed \`berth up\` left behind: ${ended.join(", ")}`);
    await startAll(run, deps, services);
    if (!run.stop.aborted) run.onReady();
    await keep(services, run.stop, deps);
  } finally {
    for (const service of services.toReversed()) await service.stop(run.hurry);
    await lock.release();
  }
}

async function startAll(run: Supervision, deps: SupervisorDeps, services: Service[]): Promise<void> {
  try {
    for (const spec of run.specs) {
      if (run.stop.aborted) return;
      services.push(await startService(spec, { ...deps, pidDir: run.paths.pidDir }, run.stop));
    }
  } catch (error) {
    if (!run.stop.aborted) throw error;
  }
}

async function keep(services: readonly Service[], stop: AbortSignal, deps: SupervisorDeps): Promise<void> {
  while (!stop.aborted) {
    await pause(deps.clock, ROTATE_INTERVAL_MS, stop);
    for (const service of services) await service.rotateLog();
  }
}

async function holderOf(run: Supervision, clock: Clock) {
  const own = await readProcess(process.pid);
  return { pid: process.pid, startTicks: own?.startTicks ?? "", since: clock.now(), listen: run.listen, runDir: run.paths.runDir };
}
