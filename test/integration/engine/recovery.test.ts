import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { leftovers } from "../../support/leftovers.ts";
import { spawnEngine } from "../../support/spawn-engine.ts";
import { attachTestEngine, type TestEngine } from "../../support/test-engine.ts";

let base: string;
let successor: TestEngine | null;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "be-"));
  successor = null;
  // The image is taken in once, so that the killed process is killed in the engine's work.
  const first = await attachTestEngine(base);
  await first.engine.close();
  await first.images.close();
});
afterEach(async () => {
  await successor?.close();
  await rm(base, { recursive: true, force: true });
});

async function takeOver(): Promise<TestEngine> {
  successor = await attachTestEngine(base);
  return successor;
}

const gone = () => leftovers(join(base, "data"), join(base, "run"));

/** Polled: the kernel lets go of a dead process's cgroup and mounts a moment after its end. */
const expectNothingLeft = () => expect.poll(gone).toEqual([]);

describe("after kill -9 of the engine's process", () => {
  it("adopts the running container with its log and its exit code", async () => {
    const first = spawnEngine(base, {
      script: "echo one; while [ ! -e /data/go ]; do sleep 0.05; done; echo two; exit 7",
      request: { id: "c1", mounts: [volume] },
    });
    expect(await first.said("running")).toBe(true);
    await first.kill();
    const test = await takeOver();
    expect(test.engine.get("c1")).toMatchObject({ state: "running", pid: expect.any(Number) });
    await writeFile(join(base, "data/volumes/shared/data/go"), "");
    expect(await test.ended("c1")).toMatchObject({ exitCode: 7, cause: "exited" });
    expect(await test.logText("c1")).toBe("one\ntwo\n");
  });

  it("knows the exit code of a container that ended while nobody was there", async () => {
    const first = spawnEngine(base, {
      script: "while [ ! -e /data/go ]; do sleep 0.05; done; exit 5",
      request: { id: "c1", mounts: [volume] },
    });
    await first.said("running");
    await first.kill();
    await writeFile(join(base, "data/volumes/shared/data/go"), "");
    await expect.poll(() => readFile(join(base, "run/exits/c1"), "utf8").catch(() => "")).toBe("5");
    const test = await takeOver();
    expect(await test.ended("c1")).toMatchObject({ exitCode: 5, cause: "exited" });
  });

  it("ends and removes an adopted container, leaving nothing", async () => {
    const first = spawnEngine(base, { script: "sleep 1000", request: { id: "c1" } });
    await first.said("running");
    await first.kill();
    const test = await takeOver();
    await test.engine.stop("c1", 0);
    expect(await test.ended("c1")).toMatchObject({ exitCode: 137, cause: "signal" });
    await test.engine.remove("c1");
    await expectNothingLeft();
  });

  it("never invents an exit code for a container whose monitor died too", async () => {
    const first = spawnEngine(base, { script: "sleep 1000", request: { id: "c1" } });
    await first.said("running");
    const conmon = Number(await readFile(join(base, "data/containers/c1/monitor/conmon.pid"), "utf8"));
    await first.kill();
    process.kill(conmon, "SIGKILL");
    const test = await takeOver();
    expect(await test.ended("c1")).toMatchObject({ exitCode: null, cause: "lost" });
    await test.engine.remove("c1");
    await expectNothingLeft();
  });
});

const volume = { type: "volume" as const, source: "shared", target: "/data", readOnly: false };

describe("killed at a step of the start, the next engine finds nothing or a container that runs", () => {
  it.each([
    "snapshots.mount:before",
    "snapshots.mount:after",
    "leases.write:after",
    "leases.ensureGuard:after",
    "monitor.create:before",
    "monitor.create:after",
    "runtime.start:before",
    "runtime.start:after",
  ])("%s", async (dieAt) => {
    const first = spawnEngine(base, { script: "echo started; sleep 1000", request: { id: "c1", leaseDeadlineMs: 1e15 }, dieAt });
    await first.ended;
    const test = await takeOver();
    const found = test.engine.get("c1");
    // Once the program may have run, it must not be forgotten: the caller would run it a second time.
    if (dieAt === "runtime.start:after") expect(found).toMatchObject({ state: "running" });
    else expect(found).toBeNull();
    if (found) {
      await test.engine.stop("c1", 0);
      await test.engine.remove("c1");
    }
    await expectNothingLeft();
  });
});

describe("killed at a step of the end, the next engine finishes it", () => {
  it.each(["cgroups.kill:after", "runtime.delete:before", "runtime.delete:after", "snapshots.unmount:after", "leases.remove:before"])(
    "%s",
    async (dieAt) => {
      const first = spawnEngine(base, { script: "sleep 1000", request: { id: "c1" }, dieAt, remove: true });
      await first.ended;
      const test = await takeOver();
      if (test.engine.get("c1")) {
        expect(await test.ended("c1")).toMatchObject({ exitCode: 137, cause: "signal" });
        await test.engine.remove("c1");
      }
      await expectNothingLeft();
    },
  );
});

describe("killed at any moment", () => {
  it.each([5, 15, 25, 30, 35, 40, 45, 60, 80])("%i ms into a start, nothing is left and nothing is lost", async (milliseconds) => {
    const first = spawnEngine(base, { script: "sleep 1000", request: { id: "c1" } });
    await first.said("ready");
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const running = await Promise.race([first.said("running"), first.kill().then(() => false)]);
    await first.kill();
    const test = await takeOver();
    if (running) expect(test.engine.get("c1")?.state).toBe("running");
    if (test.engine.get("c1")) {
      await test.engine.stop("c1", 0);
      await test.engine.remove("c1");
    }
    await expectNothingLeft();
  });
});

describe("damage", () => {
  it("removes a container folder whose record is torn", async () => {
    const folder = join(base, "data/containers/torn");
    await mkdir(folder, { recursive: true });
    await appendFile(join(folder, "container.json"), '{"version":1,"phase":"runn');
    const test = await takeOver();
    expect(test.engine.list()).toEqual([]);
    await expectNothingLeft();
  });

  it("calls a container lost that ran before the machine went down", async () => {
    const first = spawnEngine(base, { script: "sleep 1000", request: { id: "c1" } });
    await first.said("running");
    await first.kill();
    const file = join(base, "data/containers/c1/container.json");
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), bootId: "the-boot-before" }));
    const test = await takeOver();
    expect(test.engine.get("c1")?.exit).toMatchObject({ exitCode: null, cause: "lost" });
  });
});
