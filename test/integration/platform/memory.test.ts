import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { native, temporaryFolder } from "./temporary-folder.ts";

const run = promisify(execFile);

test("a buffer that is freed has no bytes left; one that is a part of something stays as it is", () => {
  const whole = Buffer.allocUnsafeSlow(1 << 20);
  expect(native.freeBuffer(whole)).toBe(true);
  expect(whole.byteLength).toBe(0);
  expect(native.freeBuffer(whole)).toBe(true);
  const memory = Buffer.from("what two look at".repeat(1000));
  const part = memory.subarray(1);
  expect(native.freeBuffer(part)).toBe(false);
  expect(part.toString("latin1", 0, 5)).toBe("hat t");
  expect(() => native.freeBuffer("text" as unknown as Buffer)).toThrow(TypeError);
});

/** A small ext4 of its own. */
async function mountedExt4(): Promise<string> {
  const folder = await temporaryFolder();
  const [image, target] = [join(folder, "image"), join(folder, "mounted")];
  await run("truncate", ["--size", "16M", image]);
  await run("mkfs.ext4", ["-q", image]);
  await mkdir(target);
  await run("mount", ["-o", "loop", image, target]);
  onTestFinished(() => run("umount", [target]).then(() => undefined));
  return target;
}

test("subfolders are spread on ext4; where no file system flag says so it is not an error", async () => {
  const ext4 = await mountedExt4();
  expect(await native.spreadSubfolders(ext4)).toBe(true);
  expect((await run("lsattr", ["-d", ext4])).stdout.split(" ")[0]).toContain("T");
  const memory = await mkdtemp("/dev/shm/berth-spread-");
  onTestFinished(() => rm(memory, { recursive: true, force: true }));
  expect(await native.spreadSubfolders(memory)).toBe(false);
  await expect(native.spreadSubfolders(join(memory, "missing"))).rejects.toMatchObject({ code: "ENOENT", syscall: "open" });
});
