import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** podman over a store of its own, gone with `remove`. */
export interface TestPodman {
  (...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function openTestPodman(): Promise<TestPodman> {
  const folder = await mkdtemp(join(tmpdir(), "berth-podman-"));
  const places = [
    "--root",
    join(folder, "root"),
    "--runroot",
    join(folder, "run"),
    "--tmpdir",
    join(folder, "tmp"),
    "--storage-driver",
    "vfs",
  ];
  const podman = async (...args: string[]) => {
    const { stdout } = await run("podman", [...places, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  };
  return Object.assign(podman, {
    async remove() {
      await podman("rmi", "--all", "--force").catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  });
}
