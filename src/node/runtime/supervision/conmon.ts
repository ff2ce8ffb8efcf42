import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import {
  exists,
  identifyProcess,
  isProcessAlive,
  type Native,
  type ProcessIdentity,
  readTextIfThere,
  SYSTEM_PATH,
} from "../../platform/index.ts";
import { conmonArguments, conmonFiles } from "./conmon-arguments.ts";
import { createExitWatcher, endOf } from "./exit-watcher.ts";
import type { Monitor, MonitoredContainer } from "./monitor.ts";

import { readContainerPid } from "./sync-pipe.ts";

const CREATE_TIMEOUT_MS = 60_000;
const KILL_WAIT_MS = 10_000;
const KILL_LOOK_MS = 2;
const SIGKILL = 9;

export interface ConmonOptions {
  conmon: string;
  runtime: { readonly command: readonly [string, ...string[]] };
  /** Made by the caller; every container's exit code appears here under its id. */
  exitDir: string;
  native: Pick<Native, "signalProcess">;
  clock: Clock;
  onError: (message: string) => void;
}

/** One conmon process for each container, in a session of its own. */
export function createConmonMonitor(options: ConmonOptions): Monitor {
  const watcher = createExitWatcher({ exitDir: options.exitDir, onError: options.onError });
  const find = (container: MonitoredContainer) => findConmon(container);

  return {
    async create(container, signal) {
      await mkdir(conmonFiles(container).persistDir, { recursive: true, mode: 0o700 });
      const log = await open(join(container.stateDir, "conmon.log"), "a", 0o600);
      try {
        const child = spawnConmon(options, container, log.fd);
        return { pid: await createdPid(child, signal) };
      } finally {
        await log.close();
      }
    },
    find,
    containerPid: (container) => readPid(conmonFiles(container).containerPid),
    watch: (container, onEnd) => watcher.watch(container.id, () => find(container), onEnd),
    exitOf: (container) => endOf(options.exitDir, container.id, () => find(container)),
    sawOom: (container) => exists(conmonFiles(container).oomMark),
    async forget(container) {
      const conmon = await find(container);
      if (conmon !== null) await kill(options, conmon);
      await rm(join(options.exitDir, container.id), { force: true });
    },
    close: () => watcher.close(),
  };
}

/**
 * A runtime that is still creating the container is killed with its conmon (PR_SET_PDEATHSIG), but not before: only when
 * conmon has ended nobody makes a cgroup any more.
 */
async function kill({ native, clock }: ConmonOptions, conmon: ProcessIdentity): Promise<void> {
  native.signalProcess(conmon.pid, conmon.startTimeTicks, SIGKILL);
  const deadline = clock.monotonic() + KILL_WAIT_MS;
  while ((await isProcessAlive(conmon)) && clock.monotonic() < deadline) await clock.sleep(KILL_LOOK_MS);
}

function spawnConmon(options: ConmonOptions, container: MonitoredContainer, logFd: number): ChildProcess {
  return spawn(options.conmon, conmonArguments(container, options.runtime.command, options.exitDir), {
    cwd: "/",
    env: { PATH: SYSTEM_PATH, _OCI_SYNCPIPE: "3" },
    stdio: ["ignore", "ignore", logFd, "pipe"],
    detached: true,
  });
}

async function createdPid(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const pipe = child.stdio[3] as Readable;
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("error", (error) =>
      reject(new BerthError("missing_requirement", `cannot start conmon: ${error.message}`, { cause: error })),
    );
  });
  // Nobody may listen any more once the pid has come.
  failed.catch(() => undefined);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CREATE_TIMEOUT_MS)]);
  const stop = () => pipe.destroy(new BerthError("container_start_failed", "creating the container was interrupted or took too long"));
  deadline.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([readContainerPid(pipe), failed]);
  } finally {
    deadline.removeEventListener("abort", stop);
    pipe.destroy();
    child.unref();
  }
}

/** conmon wrote its pid before anything else; the start time tells whether the pid is still its own. */
async function findConmon(container: MonitoredContainer): Promise<ProcessIdentity | null> {
  const pid = await readPid(conmonFiles(container).conmonPid);
  const identity = pid === null ? null : await identifyProcess(pid);
  return identity !== null && (await isConmonOf(identity, container)) ? identity : null;
}

/** A recycled pid would run another command line. */
async function isConmonOf(identity: ProcessIdentity, container: MonitoredContainer): Promise<boolean> {
  const commandLine = await readFile(`/proc/${identity.pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.split("\0").includes(container.bundle) && (await isProcessAlive(identity));
}

async function readPid(path: string): Promise<number | null> {
  const text = (await readTextIfThere(path)) ?? "";
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : null;
}
