import { readFile } from "node:fs/promises";

/** Random per boot of the kernel: pids, boot-time clocks and everything in /run mean something within one only. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
