import { mkdir, rm } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { errorText } from "../../../shared/domain/index.ts";
import { isDiskFull, type MappedOwners, type Native, readMounts } from "../../platform/index.ts";

export interface OverlayProbe {
  kernel: string;
  fileSystem: string;
  /** What the kernel said; null when it worked, or when the disk was too full to try. */
  failure: string | null;
}

/** Tries a mount as containers will have it, on the file system that will hold them; takes it, and what a kill left, away. */
export async function probeOverlay(
  dataDir: string,
  native: Native,
  options: () => Promise<{ mapped?: MappedOwners }>,
  unmount: (path: string) => Promise<void>,
): Promise<OverlayProbe> {
  const folder = join(dataDir, "overlay-probe");
  const place = (name: string) => join(folder, name);
  const clear = async () => {
    await unmount(place("rootfs"));
    await rm(folder, { recursive: true, force: true });
  };
  await clear();
  const [lower, upper, work, target] = [place("lower"), place("upper"), place("work"), place("rootfs")];
  try {
    // Not recursive: Node calls a full disk ENOENT there.
    for (const path of [folder, lower, upper, work, target]) await mkdir(path, { mode: 0o700 });
    await native.mountOverlay({ lowerDirs: [lower], upper, work, target, ...(await options()) });
    return { kernel: release(), fileSystem: await fileSystemOf(dataDir), failure: null };
  } catch (error) {
    // A full disk says nothing of the kernel, and only an agent that runs can free it.
    if (isDiskFull(error)) return { kernel: release(), fileSystem: await fileSystemOf(dataDir), failure: null };
    return { kernel: release(), fileSystem: await fileSystemOf(dataDir), failure: errorText(error) };
  } finally {
    await clear();
  }
}

/** The mount with the longest path that `path` lies in. */
async function fileSystemOf(path: string): Promise<string> {
  const above = (await readMounts()).filter(({ mountPoint }) => `${path}/`.startsWith(mountPoint === "/" ? "/" : `${mountPoint}/`));
  above.sort((a, b) => a.mountPoint.length - b.mountPoint.length);
  return above.at(-1)?.fsType ?? "unknown";
}
