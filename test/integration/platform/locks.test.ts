import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockFile } from "../../../src/node/platform/index.ts";
import { isBerthError, systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { native, temporaryFolder } from "./temporary-folder.ts";

const ports = { native, clock: systemClock() };

/** Another process that holds the flock of `path` until it is killed. */
async function otherHolder(path: string): Promise<() => Promise<void>> {
  const holder = spawn("flock", ["--no-fork", path, "sh", "-c", "echo held; exec sleep 600"], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  return async () => {
    holder.kill("SIGKILL");
    await once(holder, "exit");
  };
}

test("a lock held by another process is not taken, and is free as soon as that process is killed", async () => {
  const path = join(await temporaryFolder(), "lock");
  const kill = await otherHolder(path);
  const file = await open(path, "a");
  expect(native.tryLock(file.fd)).toBe(false);
  await kill();
  expect(native.tryLock(file.fd)).toBe(true);
  await file.close();
});

test("a lock on a closed descriptor is an error, not a refusal", () => {
  expect(() => native.tryLock(1_000_000)).toThrow(/EBADF/);
});

test("the lock file names its holder to whoever comes second", async () => {
  const path = join(await temporaryFolder(), "berth.lock");
  const lock = await lockFile(ports, path);
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
  const refused = await lockFile(ports, path).catch((error: unknown) => error);
  expect(isBerthError(refused, "data_dir_locked")).toBe(true);
  expect(String(refused)).toContain(`process ${process.pid}`);
  await lock.release();
  await (await lockFile(ports, path)).release();
});

test("a holder that has not written its name yet is still a holder", async () => {
  const path = join(await temporaryFolder(), "berth.lock");
  await otherHolder(path);
  await expect(lockFile(ports, path)).rejects.toThrow(/another process/);
});

test("a holder that was killed and whose child still has its files open is waited for", async () => {
  const path = join(await temporaryFolder(), "berth.lock");
  const kill = await otherHolder(path);
  await writeFile(path, JSON.stringify({ pid: process.pid, startTimeTicks: "1" }));
  let tries = 0;
  const tryLock = (fd: number) => {
    tries += 1;
    return native.tryLock(fd);
  };
  const taken = lockFile({ ...ports, native: { tryLock } }, path);
  await until("it to wait", 60, () => tries > 2);
  await kill();
  await (await taken).release();
});
