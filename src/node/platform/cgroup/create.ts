import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CgroupLayout, cgroupFolders, controllerFolder } from "./layout.ts";

/** Makes the cgroup in every hierarchy; existing is fine. */
export async function createCgroup(layout: CgroupLayout, cgroupsPath: string): Promise<void> {
  for (const folder of cgroupFolders(layout, cgroupsPath)) await mkdir(folder, { recursive: true });
  if (layout.mode === "v2") return;
  const cpuset = controllerFolder(layout, "cpuset", cgroupsPath);
  if (cpuset !== null) await inheritCpuset(layout.controllers.cpuset as string, cpuset);
}

/** A new v1 cpuset allows no CPU and no memory node: nothing can be moved into it until both are set, from the root down. */
async function inheritCpuset(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  await inheritCpuset(root, dirname(folder));
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if ((await readFile(join(folder, file), "utf8")).trim() !== "") continue;
    await writeFile(join(folder, file), await readFile(join(dirname(folder), file), "utf8"));
  }
}
