import { execFile } from "node:child_process";
import { appendFile, copyFile, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach } from "vitest";
import { createGpuHost, type GpuHost, type GpuXid, prepareSimulatedGpus } from "../../../../src/node/gpu/index.ts";
import { loadNative } from "../../../../src/node/platform/index.ts";
import { systemClock } from "../../../../src/shared/domain/index.ts";
import { until } from "../../../support/poll.ts";
import { buildFakeAndHook, FAKE_BUILD } from "./builds.ts";

const run = promisify(execFile);
export const OLD_LIBRARY = join(FAKE_BUILD, "old/libnvidia-ml.so.1");

/** A fake driver whose answers a test changes, and the room that looks at it; made anew for each test. */
export interface WatchedDriver {
  stateDir: string;
  driverRoot: string;
  library: string;
  host: GpuHost;
  simulate(count: number, nvmlTimeoutMs?: number): Promise<void>;
  /** Appends to the fake driver's configuration; a later line wins. */
  configure(...lines: string[]): Promise<void>;
  /** Returns when the driver's events are heard; what is heard goes to `heard`. */
  watch(heard?: GpuXid[]): Promise<void>;
  stopWatching(): Promise<void>;
  makeNode(path: string, major: number, minor: number): Promise<void>;
  replaceLibrary(file: string): Promise<void>;
}

/** Registers the hooks that make and remove it. */
export function watchedDriver(): WatchedDriver {
  let end: (() => Promise<void>) | null = null;
  const driver: WatchedDriver = {
    ...({} as Pick<WatchedDriver, "stateDir" | "driverRoot" | "library" | "host">),
    async simulate(count, nvmlTimeoutMs = 30_000) {
      const { stateDir } = driver;
      const { driverRoot, nvmlLibrary } = await prepareSimulatedGpus({ stateDir, count, fakeBuildDir: FAKE_BUILD });
      const host = await createGpuHost({
        native: loadNative(),
        clock: systemClock(),
        driverRoot,
        simulated: true,
        nvmlTimeoutMs,
        stateDir,
      });
      Object.assign(driver, { driverRoot, library: nvmlLibrary, host });
    },
    configure: (...lines) => appendFile(join(dirname(driver.library), "fake-nvml.conf"), lines.map((line) => `${line}\n`).join("")),
    async watch(heard = []) {
      const abort = new AbortController();
      const done = driver.host.watch(
        (xid) => heard.push(xid),
        () => {},
        abort.signal,
      );
      end = async () => {
        abort.abort();
        await done;
      };
      await until("the driver's events", 60, () => driver.host.status().listening);
    },
    async stopWatching() {
      await end?.();
      end = null;
    },
    async makeNode(path, major, minor) {
      await run("/usr/bin/mknod", [join(driver.driverRoot, "dev", path), "c", String(major), String(minor)], { env: {} });
    },
    async replaceLibrary(file) {
      // As a package manager does: the new file appears under the old name in one step.
      await copyFile(file, `${driver.library}.new`);
      await rename(`${driver.library}.new`, driver.library);
    },
  };
  beforeAll(() => buildFakeAndHook("all"));
  beforeEach(async () => {
    driver.stateDir = await mkdtemp(join(tmpdir(), "berth-inventory-"));
  });
  afterEach(async () => {
    await driver.stopWatching();
    await rm(driver.stateDir, { recursive: true, force: true });
  });
  return driver;
}
