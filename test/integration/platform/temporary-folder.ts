import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { loadNative, mountsBelow, parseMountInfo, readMounts } from "../../../src/node/platform/index.ts";

export const native = loadNative();

/** A folder that goes with the test, whatever is mounted in it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "berth-platform-"));
  onTestFinished(async () => {
    for (const { mountPoint } of mountsBelow(await readMounts(), folder)) await native.unmount(mountPoint, 2);
    const parent = await native.openRoot(tmpdir());
    await parent.remove(folder.slice(tmpdir().length + 1));
    parent.close();
  });
  return folder;
}

export async function mountedAt(path: string): Promise<boolean> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8")).some(({ mountPoint }) => mountPoint === path);
}
