import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { onTestFinished } from "vitest";
import { cgroupFolders, createCgroup, killCgroup, readCgroupLayout, removeCgroup } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { native } from "./temporary-folder.ts";

export const layout = await readCgroupLayout();
export const clock = systemClock();

/** A cgroup in every hierarchy of this machine, as a container's; goes with the test. */
export async function makeCgroup(id: string): Promise<{ path: string; folders: string[] }> {
  const path = `/berth-test-${randomBytes(4).toString("hex")}/${id}`;
  await createCgroup(layout, path);
  onTestFinished(async () => {
    await killCgroup(layout, path, { native, clock, timeoutMs: 10_000 });
    await removeCgroup(layout, dirname(path), { clock, timeoutMs: 10_000 });
  });
  return { path, folders: cgroupFolders(layout, path) };
}

/** A process in all the folders; resolves when it is there. */
export async function startIn(folders: readonly string[], command = "exec sleep 600") {
  const child = spawn("sh", ["-c", `read go; ${command}`], { stdio: ["pipe", "ignore", "ignore"] });
  await once(child, "spawn");
  for (const folder of folders) await writeFile(`${folder}/cgroup.procs`, String(child.pid));
  const ended = once(child, "exit");
  child.stdin.end("go\n");
  return { pid: child.pid as number, ended };
}

export async function exists(folder: string): Promise<boolean> {
  return readdir(folder).then(
    () => true,
    () => false,
  );
}
