import { type SpawnOptions, spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { exists } from "../../platform/index.ts";
import { mpsProcesses } from "./mps-processes.ts";

const CONTROL = "usr/bin/nvidia-cuda-mps-control";
const LIBRARY_FOLDERS = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64"];
const SYSTEM_PATH = "/usr/bin:/bin";
const START_MS = 10_000;
const LOOK_MS = 20;
const LOOKS_MISSED = 25;

/** In a mount namespace of its own, where /dev/shm is the folder that its clients have there too. */
const IN_OWN_SHM = 'mount --bind "$1" /dev/shm && exec "$2" -f';

/** What the clients of one GPU's daemon share with it. */
export interface MpsFolders {
  /** CUDA_MPS_PIPE_DIRECTORY. */
  pipe: string;
  shm: string;
  log: string;
}

/** `home` is of one GPU: daemons of two must not meet in a folder. */
export function mpsFolders(home: string): MpsFolders {
  return { pipe: join(home, "pipe"), shm: join(home, "shm"), log: join(home, "log") };
}

/** Whether the driver's program is there; one that is may still fail to start. */
export function isMpsInstalled(driverRoot: string): Promise<boolean> {
  return exists(join(driverRoot, CONTROL));
}

/** @throws BerthError missing_requirement */
export async function assertMpsInstalled(driverRoot: string): Promise<void> {
  if (await isMpsInstalled(driverRoot)) return;
  throw new BerthError(
    "missing_requirement",
    `${join("/", CONTROL)} is not on this node: the driver brings it in the package nvidia-cuda-mps; without it ask for gpuSharing: time-slice`,
  );
}

/**
 * Starts nvidia-cuda-mps-control for one GPU (NVIDIA, "Multi-Process Service", sections 4 and 5) and waits for its pipe. It
 * is nobody's child: containers outlive the agent, and their server must too.
 * @throws BerthError gpu_unavailable when it does not come up
 */
export async function startMps(gpuUuid: string, folders: MpsFolders, driverRoot: string, clock: Clock): Promise<void> {
  await mkdir(folders.log, { recursive: true, mode: 0o700 });
  await mkdir(folders.pipe, { recursive: true, mode: 0o755 });
  await mkdir(folders.shm, { recursive: true });
  const output = await open(join(folders.log, "output.log"), "a", 0o600);
  try {
    await forkAway(["--propagation", "private", "/bin/sh", "-c", IN_OWN_SHM, "mps", folders.shm, join(driverRoot, CONTROL)], {
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      env: environment(gpuUuid, folders, driverRoot),
    });
    await untilReady(gpuUuid, folders, clock);
  } finally {
    await output.close();
  }
}

/** setsid forks and ends at once, so the program is init's child. */
function forkAway(args: readonly string[], options: SpawnOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("/usr/bin/setsid", ["--fork", "/usr/bin/unshare", "--mount", ...args], options);
    child.once("error", reject);
    child.once("exit", () => resolve());
  });
}

function environment(gpuUuid: string, folders: MpsFolders, driverRoot: string): Record<string, string> {
  const below = driverRoot === "/" ? {} : { LD_LIBRARY_PATH: LIBRARY_FOLDERS.map((folder) => join(driverRoot, folder)).join(":") };
  return {
    PATH: driverRoot === "/" ? SYSTEM_PATH : `${join(driverRoot, "usr/bin")}:${SYSTEM_PATH}`,
    CUDA_VISIBLE_DEVICES: gpuUuid,
    CUDA_MPS_PIPE_DIRECTORY: folders.pipe,
    CUDA_MPS_LOG_DIRECTORY: folders.log,
    ...below,
  };
}

async function untilReady(gpuUuid: string, folders: MpsFolders, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + START_MS;
  // A program that is being executed has no environment for a moment: only one that stays away has ended.
  for (let missed = 0; missed < LOOKS_MISSED && clock.monotonic() < deadline; ) {
    if (await exists(join(folders.pipe, "control"))) return;
    missed = (await mpsProcesses(folders.pipe)).length > 0 ? 0 : missed + 1;
    await clock.sleep(LOOK_MS);
  }
  throw new BerthError("gpu_unavailable", `the MPS control daemon of GPU ${gpuUuid} opened no pipe; see ${folders.log}`);
}
