import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { exists } from "../../platform/index.ts";
import { builtNames, LIBRARY_FOLDER, layDriverRoot } from "./lay-driver-root.ts";
import { type SimulatedMig, simulatedMigDevices } from "./simulated-mig.ts";

const MAX_GPUS = 64;
export interface SimulationOptions {
  /** Folder this may own a sub-folder of. */
  stateDir: string;
  count: number;
  /** Absent splits none. */
  mig?: SimulatedMig;
  /** test/support/fake-nvidia/build. */
  fakeBuildDir: string;
}

export interface SimulatedGpus {
  driverRoot: string;
  nvmlLibrary: string;
}

/**
 * Lays a driver root with real character device nodes, a scriptable NVML and nvidia-smi. Idempotent: the same request finds
 * its own work, another count or another build makes a new root and drops the old. UUIDs come from a seed kept in `stateDir`, so they
 * outlast restarts and differ between data dirs. Needs root (mknod).
 * @throws BerthError invalid_request for a count outside 1..64; missing_requirement when the fake is not built, or on a
 *   machine with a real driver, whose GPUs the nodes would reach
 */
export async function prepareSimulatedGpus(options: SimulationOptions): Promise<SimulatedGpus> {
  await checkOptions(options);
  const home = join(options.stateDir, "simulated-gpus");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const seed = await readSeed(home);
  const driverRoot = join(home, await keyOf(options, seed));
  const migDevices = simulatedMigDevices(options.mig ?? {}, seed);
  if (!(await exists(driverRoot)))
    await layDriverRoot({ driverRoot, seed, count: options.count, migDevices, fakeBuildDir: options.fakeBuildDir });
  await dropOthers(home, basename(driverRoot));
  return { driverRoot, nvmlLibrary: join(driverRoot, LIBRARY_FOLDER, "libnvidia-ml.so.1") };
}

async function checkOptions({ count, mig = {}, fakeBuildDir }: SimulationOptions): Promise<void> {
  const beyond = Object.keys(mig).find((gpu) => Number(gpu) >= count);
  if (beyond !== undefined) throw new BerthError("invalid_request", `there is no simulated GPU ${beyond} to split: there are ${count}`);
  if (!Number.isInteger(count) || count < 1 || count > MAX_GPUS) {
    throw new BerthError("invalid_request", `${count} simulated GPUs; choose 1 to ${MAX_GPUS}`);
  }
  if (await exists("/proc/driver/nvidia/version")) {
    throw new BerthError(
      "missing_requirement",
      "this machine has a real NVIDIA driver, whose GPUs simulated ones would reach; start without --simulate-gpus",
    );
  }
  if (!(await exists(join(fakeBuildDir, "nvidia-smi")))) {
    throw new BerthError("missing_requirement", `${fakeBuildDir}/nvidia-smi is missing; \`npm run build:native\` builds it`);
  }
}

/** Never half written: the file appears whole or not at all. */
async function readSeed(home: string): Promise<string> {
  const path = join(home, "seed");
  if (!(await exists(path))) {
    const temporary = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(temporary, randomBytes(16).toString("hex"), { flag: "wx", flush: true });
    await rename(temporary, path);
  }
  return (await readFile(path, "utf8")).trim();
}

async function keyOf({ count, mig, fakeBuildDir }: SimulationOptions, seed: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(mig === undefined ? [count, seed] : [count, seed, mig]));
  for (const name of await builtNames(fakeBuildDir)) {
    hash.update(name);
    if (!name.endsWith(".so.1")) hash.update(await readFile(join(fakeBuildDir, name)));
  }
  return `root-${hash.digest("hex").slice(0, 16)}`;
}

/** Running containers keep what they have mounted: a removed file lives as long as its mount. */
async function dropOthers(home: string, keep: string): Promise<void> {
  const names = (await readdir(home)).filter((name) => (name.startsWith("root-") && name !== keep) || name.startsWith(".new-"));
  for (const name of names) await rm(join(home, name), { recursive: true, force: true });
}
