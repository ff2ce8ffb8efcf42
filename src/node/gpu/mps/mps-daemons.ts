import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { orNull } from "../driver-files/root-view.ts";
import { mpsProcesses } from "./mps-processes.ts";
import { assertMpsInstalled, mpsFolders, startMps } from "./start-mps.ts";

const STOP_MS = 2_000;
const LOOK_MS = 20;
const LOOKS_MISSED = 3;

/** What a container needs to be a client of its GPU's daemon. */
export interface MpsEndpoint {
  /** Host folder of the daemon's pipes. */
  pipeFolder: string;
  /** Host folder that is /dev/shm for the daemon and all its clients. */
  shmFolder: string;
}

export interface MpsOptions {
  /** Folder this owns; on a file system that a restart of the machine clears. */
  folder: string;
  driverRoot: string;
  clock: Clock;
}

/** One MPS control daemon for each GPU that jobs share by MPS. They outlive the agent with the containers that need them. */
export interface MpsDaemons {
  /**
   * Starts the GPU's daemon unless it runs.
   * @throws BerthError missing_requirement without the program, gpu_unavailable when it does not come up
   */
  endpointOf(gpuUuid: string): Promise<MpsEndpoint>;
  /** Ends the daemons of all GPUs but these, those of an agent before this one too. `inUse` is asked once it is its turn. */
  keepOnly(inUse: () => ReadonlySet<string>): Promise<void>;
}

/** Knows nothing of daemons but what runs: those of an agent before this one are found by their environment. */
export function createMpsDaemons({ folder, driverRoot, clock }: MpsOptions): MpsDaemons {
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: a daemon must not be ended while it is being started for the next job. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
  const homeOf = (gpuUuid: string) => {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(gpuUuid)) throw new BerthError("gpu_unavailable", `${JSON.stringify(gpuUuid)} is no GPU`);
    return join(folder, gpuUuid);
  };
  const start = async (gpuUuid: string): Promise<MpsEndpoint> => {
    const folders = mpsFolders(homeOf(gpuUuid));
    if ((await mpsProcesses(folders.pipe)).length === 0) {
      await assertMpsInstalled(driverRoot);
      await rm(join(folders.pipe, "control"), { force: true });
      await mkdir(folders.shm, { recursive: true, mode: 0o700 });
      // As /dev/shm: clients may run as any user. Not by mkdir's mode, which the umask cuts.
      await chmod(folders.shm, 0o1777);
      await startMps(gpuUuid, folders, driverRoot, clock).catch(async (error: unknown) => {
        await stop(gpuUuid);
        throw error;
      });
    }
    return { pipeFolder: folders.pipe, shmFolder: folders.shm };
  };
  const stop = async (gpuUuid: string) => {
    const { pipe } = mpsFolders(homeOf(gpuUuid));
    const deadline = clock.monotonic() + STOP_MS;
    // A program that is being executed has no environment for a moment: gone is what is not seen again and again.
    for (let missed = 0; missed < LOOKS_MISSED; ) {
      const pids = await mpsProcesses(pipe);
      missed = pids.length > 0 ? 0 : missed + 1;
      for (const pid of pids) signal(pid, clock.monotonic() < deadline ? "SIGTERM" : "SIGKILL");
      if (missed < LOOKS_MISSED) await clock.sleep(LOOK_MS);
    }
    await rm(homeOf(gpuUuid), { recursive: true, force: true });
  };
  return {
    endpointOf: (gpuUuid) => inTurn(() => start(gpuUuid)),
    keepOnly: (inUse) =>
      inTurn(async () => {
        const kept = inUse();
        for (const gpuUuid of (await orNull(readdir(folder))) ?? []) if (!kept.has(gpuUuid)) await stop(gpuUuid);
      }),
  };
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
