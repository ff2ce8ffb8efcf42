import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLogStore } from "../../../src/control/api/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";

const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-full-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]);
});
afterEach(async () => {
  await run("umount", [folder]);
  await rmdir(folder);
});

it("a full disk is refused with 507, keeps what fitted, and the log goes on once there is room", async () => {
  const logs = createLogStore({ root: join(folder, "logs"), logger: silentLogger() });
  const key = { jobId: "1", epoch: 1, rank: 0 };
  const content = Buffer.alloc(150_000, "0123456789");
  await writeFile(join(folder, "ballast"), Buffer.alloc(160_000));
  await expect(logs.append(key, 0, content)).rejects.toMatchObject({ code: "insufficient_storage", status: 507, retryable: true });
  const size = await logs.append(key, 0, Buffer.alloc(0));
  expect(size).toBeLessThan(content.length);
  await rm(join(folder, "ballast"));
  expect(await logs.append(key, size, content.subarray(size))).toBe(content.length);
  expect(await readFile(logs.path(key))).toEqual(content);
  await logs.close();
});
