import { execFile } from "node:child_process";
import { access, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { testCacheDir } from "./base-image.ts";
import { DEBIAN_KEYRING, debianMirror } from "./debian-mirror.ts";
import { keyedFolder } from "./keyed-cache.ts";

const run = promisify(execFile);
/** Some 17 MB. What is left out is large (OptiX, EGL and GL cores) and laid out like the rest. */
const DRIVER_PACKAGES = [
  "libcuda1",
  "libnvidia-ml1",
  "nvidia-smi",
  "libnvidia-ptxjitcompiler1",
  "libnvidia-cfg1",
  "libnvidia-encode1",
  "libnvcuvid1",
  "libnvidia-opticalflow1",
  "nvidia-vdpau-driver",
  "libegl-nvidia0",
  "libglx-nvidia0",
  "nvidia-egl-common",
  "nvidia-vulkan-common",
  "nvidia-opencl-common",
  "nvidia-cuda-mps",
];
const MUSL_PACKAGES = ["musl", "musl-dev"];

export interface DriverPackages {
  /** A tree with NVIDIA's own files as Debian lays them, links of its alternatives aside. Not to be written to. */
  driver: string;
  /** "535.261.03" */
  version: string;
  /** musl's loader and what linking against it needs. */
  musl: string;
}

/**
 * Debian's packages of NVIDIA's user-space driver and of musl, downloaded with apt into a cache of their own and unpacked, never
 * installed: the machine's package sources, lists and database stay as they are. Made once, in some ten seconds.
 * Resolves to the reason where they cannot be had.
 */
export async function ensureDriverPackages(): Promise<DriverPackages | { unavailable: string }> {
  let made: string;
  try {
    made = await keyedFolder(join(testCacheDir(), "driver-packages"), [DRIVER_PACKAGES, MUSL_PACKAGES], fetchInto);
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr || error);
    return { unavailable: `Debian's non-free packages cannot be downloaded: ${text.trim().split("\n").at(-1)}` };
  }
  return { driver: join(made, "driver"), musl: join(made, "musl"), version: await versionIn(join(made, "driver")) };
}

async function fetchInto(folder: string): Promise<void> {
  const mirror = await debianMirror();
  if (mirror === null) throw new Error("this machine's apt knows no Debian archive");
  await mkdir(folder);
  const apt = await ownApt(folder, mirror);
  await apt("update", "-qq");
  await unpack(folder, "driver", DRIVER_PACKAGES, apt);
  await unpack(folder, "musl", MUSL_PACKAGES, apt);
  await rm(join(folder, "apt"), { recursive: true });
}

type Apt = (...args: string[]) => Promise<void>;

/** apt-get with sources, lists and cache of its own; signatures are checked with the system's keyring. */
async function ownApt(work: string, { uri, suite }: { uri: string; suite: string }): Promise<Apt> {
  const home = join(work, "apt");
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) await mkdir(join(home, folder), { recursive: true });
  const signed = (await exists(DEBIAN_KEYRING)) ? `Signed-By: ${DEBIAN_KEYRING}\n` : "";
  await writeFile(join(home, "own.sources"), `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main contrib non-free\n${signed}`);
  const places = {
    "Etc::sourcelist": join(home, "own.sources"),
    "Etc::sourceparts": "/dev/null",
    State: join(home, "state"),
    Cache: join(home, "cache"),
  };
  const options = Object.entries(places).flatMap(([name, value]) => ["-o", `Dir::${name}=${value}`]);
  const more = ["-o", "APT::Sandbox::User=root", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=2"];
  return async (...args) => void (await run("apt-get", [...options, ...more, ...args], { cwd: home, timeout: 120_000 }));
}

async function unpack(work: string, name: string, packages: readonly string[], apt: Apt): Promise<void> {
  await apt("download", "-qq", ...packages);
  const home = join(work, "apt");
  for (const file of (await readdir(home)).filter((entry) => entry.endsWith(".deb"))) {
    await run("dpkg-deb", ["-x", join(home, file), join(work, name)]);
    await rm(join(home, file));
  }
}

async function versionIn(driver: string): Promise<string> {
  const names = await readdir(join(driver, "usr/lib/x86_64-linux-gnu/nvidia/current"));
  const version = names.map((name) => /^libcuda\.so\.(\d+\.[\d.]+)$/.exec(name)?.[1]).find((found) => found !== undefined);
  if (version === undefined) throw new Error(`no libcuda in ${driver}`);
  return version;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
