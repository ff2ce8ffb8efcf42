import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { chainIdsOf } from "../../shared/oci/index.ts";
import { createStoreLock, type Image } from "../images/index.ts";
import type { NativeRoot } from "../platform/index.ts";
import type { BuildRun } from "./build-run.ts";
import { asImage, type StageState } from "./stage-state.ts";
import type { BuildPorts } from "./types.ts";

/** The folders, mounts and holds of one build: all gone with `remove`. */
export interface Workspace extends Pick<BuildRun, "workingFolder" | "withRootOf" | "hold"> {
  directory: string;
  remove(): Promise<void>;
}

/**
 * Makes <data-dir>/builds/<id>, locked as long as this process lives, after removing what killed builds left there
 * (their lock is free): folders, and mounts in them.
 */
export async function createWorkspace(ports: BuildPorts): Promise<Workspace> {
  const builds = join(ports.dataDir, "builds");
  await mkdir(builds, { recursive: true, mode: 0o700 });
  const directory = join(builds, randomBytes(6).toString("hex"));
  // One at a time, or a sweep could take a folder for dead that has no locked file yet.
  const turn = createStoreLock({ path: join(ports.dataDir, "builds.lock"), native: ports.native, clock: ports.clock });
  const lock = await turn.run(async () => {
    await sweepDeadBuilds(builds, ports);
    await mkdir(directory, { mode: 0o700 });
    const file = await open(join(directory, "lock"), "wx", 0o600);
    ports.native.tryLock(file.fd);
    return file;
  });
  const releases: (() => Promise<void>)[] = [];
  let next = 0;
  const workingFolder = () => join(directory, `step-${next++}`);
  return {
    directory,
    workingFolder,
    async hold(digests) {
      releases.push(await ports.store.hold(digests));
    },
    withRootOf: (source, work) => withRootOf(ports, workingFolder(), source, work),
    async remove() {
      for (const release of releases) await release();
      await rm(directory, { recursive: true, force: true });
      await lock.close();
    },
  };
}

async function withRootOf<T>(
  ports: BuildPorts,
  folder: string,
  source: StageState | Image,
  work: (root: NativeRoot) => Promise<T>,
): Promise<T> {
  const image = "digest" in source ? source : asImage(source);
  await ports.store.unpack(image, ports.progress, ports.signal);
  try {
    const { rootfs } = await ports.snapshots.mount(folder, chainIdsOf(image.config.rootfs.diff_ids));
    const root = await ports.native.openRoot(rootfs);
    return await work(root).finally(() => root.close());
  } finally {
    await ports.snapshots.unmount(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function sweepDeadBuilds(builds: string, ports: BuildPorts): Promise<void> {
  for (const name of await readdir(builds)) {
    const directory = join(builds, name);
    // Made when missing: a build killed before it had its lock file is dead too.
    const lock = await open(join(directory, "lock"), "a", 0o600);
    try {
      if (ports.native.tryLock(lock.fd)) await removeDeadBuild(directory, ports);
    } finally {
      await lock.close();
    }
  }
}

/** Mounts first: removing a folder through a mount would reach into it. */
async function removeDeadBuild(directory: string, ports: BuildPorts): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith("step-")) await ports.snapshots.unmount(join(directory, name));
  }
  await rm(directory, { recursive: true, force: true });
}
