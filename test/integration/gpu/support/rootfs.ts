import { copyFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./exec.ts";

const APPLETS = ["sh", "ls", "cat", "mknod", "touch", "grep", "head", "env"];

/** A rootfs just large enough for a shell and for nvidia-smi, which needs a dynamic loader. */
export async function makeTinyRootfs(folder: string): Promise<void> {
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "usr/bin", "usr/lib/x86_64-linux-gnu", "lib64"])
    await mkdir(join(folder, name), { recursive: true });
  await mkdir(join(folder, "etc/ld.so.conf.d"));
  await writeFile(join(folder, "etc/ld.so.conf"), "include /etc/ld.so.conf.d/*.conf\n");
  await copyFile("/sbin/ldconfig", join(folder, "bin/ldconfig"));
  await copyFile("/usr/bin/busybox", join(folder, "bin/busybox"));
  for (const name of APPLETS) await symlink("busybox", join(folder, "bin", name));
  await copyFile("/lib64/ld-linux-x86-64.so.2", join(folder, "lib64/ld-linux-x86-64.so.2"));
  await copyFile("/lib/x86_64-linux-gnu/libc.so.6", join(folder, "usr/lib/x86_64-linux-gnu/libc.so.6"));
}

export interface Overlay {
  merged: string;
  upper: string;
  /** Paths in the writable layer, folders with a slash at the end. */
  written(): Promise<string[]>;
  unmount(): Promise<void>;
}

export async function mountOverlay(lowers: string[], folder: string): Promise<Overlay> {
  const [upper, work, merged] = [join(folder, "upper"), join(folder, "work"), join(folder, "merged")];
  for (const path of [upper, work, merged]) await mkdir(path, { recursive: true });
  await must("mount", ["-t", "overlay", "overlay", "-o", `lowerdir=${lowers.join(":")},upperdir=${upper},workdir=${work}`, merged]);
  return { merged, upper, written: () => tree(upper), unmount: async () => void (await must("umount", [merged])) };
}

/** Every path below `folder`, sorted, without following links. */
export async function tree(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map((entry) => `${join(entry.parentPath, entry.name).slice(folder.length + 1)}${entry.isDirectory() ? "/" : ""}`).sort();
}
