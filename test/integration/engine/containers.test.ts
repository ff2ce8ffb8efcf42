import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftovers } from "../../support/leftovers.ts";
import { until } from "../../support/poll.ts";
import { openTestEngine, type TestEngine, testRequest } from "../../support/test-engine.ts";

let test: TestEngine;
let allowed: string;

beforeAll(async () => {
  allowed = await mkdtemp(join(tmpdir(), "berth-allowed-"));
  test = await openTestEngine({ allowBind: [join(allowed, "open")] });
  await mkdir(join(allowed, "open/data"), { recursive: true });
  await mkdir(join(allowed, "secret"));
  await writeFile(join(allowed, "secret/key"), "hidden");
  await writeFile(join(allowed, "open/data/file"), "visible");
  await symlink(join(allowed, "secret"), join(allowed, "open/link"));
});
afterAll(async () => {
  await test.close();
  await rm(allowed, { recursive: true, force: true });
});

describe("log", () => {
  it("has every line with its time and stream, as conmon writes them", async () => {
    const { id } = await test.runToEnd("echo out; echo err >&2; printf unfinished");
    const lines = (await readFile(test.engine.logPath(id), "utf8")).trim().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+Z-]\S* (stdout|stderr) [FP] /);
    expect(lines.filter((line) => / stderr F err$/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => / stdout P unfinished$/.test(line))).toHaveLength(1);
  });

  it("is read from an offset to where it ends now, and is empty beyond", async () => {
    const { id } = await test.runToEnd("echo one; echo two");
    const whole = await readFile(test.engine.logPath(id));
    const rest: Buffer[] = [];
    for await (const chunk of await test.engine.readLog(id, whole.length - 4)) rest.push(chunk as Buffer);
    expect(Buffer.concat(rest).toString()).toBe("two\n");
    const beyond: unknown[] = [];
    for await (const chunk of await test.engine.readLog(id, whole.length)) beyond.push(chunk);
    expect(beyond).toEqual([]);
  });
});

describe("a storage limit", () => {
  it("is a full disk to the program in the container, and nobody else's", async () => {
    const script = "dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null; echo $?; stat -c %s /big; rm /big; echo ok > /small && cat /small";
    const { log } = await test.runToEnd(script, { storageBytes: 64 * 1024 ** 2 });
    const [code, size, after] = log.split("\n");
    expect([code, after]).toEqual(["1", "ok"]);
    expect(Number(size)).toBeGreaterThan(50 * 1024 ** 2);
    expect(Number(size)).toBeLessThan(64 * 1024 ** 2);
  });
});

describe("mounts", () => {
  it("keeps a volume from one container to the next", async () => {
    const mounts = [{ type: "volume" as const, source: "kept", target: "/data", readOnly: false }];
    await test.runToEnd("echo 42 > /data/step", { mounts });
    expect((await test.runToEnd("cat /data/step", { mounts })).log).toBe("42\n");
  });

  it("does not let a read-only volume be written", async () => {
    const mounts = [{ type: "volume" as const, source: "kept", target: "/data", readOnly: true }];
    expect((await test.runToEnd("touch /data/x 2>/dev/null || echo refused", { mounts })).log).toBe("refused\n");
  });

  it("binds a folder below an allowed one", async () => {
    const mounts = [{ type: "bind" as const, source: join(allowed, "open/data"), target: "/in", readOnly: true }];
    expect((await test.runToEnd("cat /in/file", { mounts })).log).toBe("visible");
  });

  it.each([
    ["outside", () => join(allowed, "secret")],
    ["by ..", () => join(allowed, "open/../secret").replace("/secret", "/./../secret")],
    ["by a link inside the allowed folder", () => join(allowed, "open/link")],
    ["through a link inside the allowed folder", () => join(allowed, "open/link/key")],
    ["a name that only begins like the allowed one", () => `${join(allowed, "open")}2`],
    ["a path that is not there", () => join(allowed, "open/missing")],
    ["a relative path", () => "etc"],
    ["the root", () => "/"],
  ])("refuses a bind that leads out: %s", async (_name, source) => {
    const mounts = [{ type: "bind" as const, source: source(), target: "/in", readOnly: true }];
    await expect(test.run("true", { mounts })).rejects.toMatchObject({ code: "mount_forbidden" });
  });
});

describe("hostile requests are refused before anything is made", () => {
  const volume = (source: string, target: string) => ({ mounts: [{ type: "volume" as const, source, target, readOnly: false }] });
  it.each([
    ["an id that climbs", { id: "../../etc" }],
    ["an id with a slash", { id: "a/b" }],
    ["an id in upper case", { id: "A" }],
    ["an id of 64 characters", { id: "a".repeat(64) }],
    ["a volume name that climbs", volume("../../etc", "/data")],
    ["a volume name with a slash", volume("a/b", "/data")],
    ["a mount over /proc", volume("v", "/proc/self")],
    ["a mount over /dev", volume("v", "/dev")],
    ["a mount target that climbs", volume("v", "/data/../proc")],
    ["a mount over everything", volume("v", "/")],
    ["a host name with a newline", { hostname: "a\n127.0.0.1 b" }],
    ["a working folder below /proc", { workdir: "/proc/self/fd/8" }],
    ["a working folder that climbs", { workdir: "/a/../../b" }],
    ["an environment name with =", { env: { "A=B": "c" } }],
    ["a NUL in the environment", { env: { A: "b\0c" } }],
    ["a NUL in an argument", { command: ["/bin/echo", "a\0b"] }],
    ["no processes at all", { pidsLimit: 0 }],
    ["negative memory", { memoryBytes: -1 }],
  ])("%s", async (_name, overrides) => {
    await expect(test.run("true", overrides)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("an unknown user", async () => {
    await expect(test.run("true", { user: "stranger" })).rejects.toMatchObject({ code: "image_invalid" });
  });

  it("a user number that would wrap around to root", async () => {
    await expect(test.run("true", { user: "4294967296" })).rejects.toMatchObject({ code: "image_invalid" });
  });

  it("a GPU on a node without", async () => {
    await expect(test.run("true", { gpuUuids: ["GPU-0"] })).rejects.toMatchObject({ code: "gpu_unavailable" });
  });

  it("an image that is not there", async () => {
    await expect(test.run("true", { image: "missing:latest" })).rejects.toMatchObject({ code: "image_not_found" });
  });

  it("an id that is taken", async () => {
    const { id } = await test.runToEnd("true");
    await expect(test.run("true", { id })).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("lease", () => {
  it("that runs out ends the container, and it is said so", async () => {
    const { bootTimeMs } = test.engine.core().options.native;
    // A busy machine may need longer for the start than a short lease lasts: it is shortened when the container runs.
    const id = await test.run("trap '' TERM; sleep 1000", { leaseDeadlineMs: bootTimeMs() + 600_000 });
    await test.engine.renewLease(id, bootTimeMs() + 100);
    expect(await test.ended(id)).toMatchObject({ exitCode: 137, cause: "lease-expired" });
  });

  it("that is renewed lets it run on", async () => {
    const { bootTimeMs } = test.engine.core().options.native;
    const mounts = [{ type: "volume" as const, source: "renewed", target: "/data", readOnly: false }];
    const script = "while [ ! -e /data/go ]; do sleep 0.05; done";
    const id = await test.run(script, { mounts, leaseDeadlineMs: bootTimeMs() + 600_000 });
    const deadline = bootTimeMs() + 1500;
    await test.engine.renewLease(id, deadline);
    await test.engine.renewLease(id, bootTimeMs() + 600_000);
    await until("the time of the first lease to be over", 60, () => bootTimeMs() > deadline + 100);
    await writeFile(join(test.dataDir, "volumes/renewed/data/go"), "");
    expect(await test.ended(id)).toMatchObject({ exitCode: 0, cause: "exited" });
  });

  it("that is over already starts nothing", async () => {
    const { bootTimeMs } = test.engine.core().options.native;
    await expect(test.run("true", { leaseDeadlineMs: bootTimeMs() - 1 })).rejects.toMatchObject({ code: "lease_expired" });
  });
});

describe("life", () => {
  it("tells of the start and the end", async () => {
    const seen: string[] = [];
    const unsubscribe = test.engine.onChange(({ id, state }) => seen.push(`${id} ${state}`));
    const { id } = await test.runToEnd("true");
    unsubscribe();
    expect(seen).toEqual([`${id} running`, `${id} exited`]);
  });

  it("ends the container as lost, without an exit code, when its monitor is killed", async () => {
    const id = await test.run("sleep 1000");
    const pid = test.engine.get(id)?.pid as number;
    const conmon = Number(await readFile(join(test.dataDir, "containers", id, "monitor/conmon.pid"), "utf8"));
    process.kill(conmon, "SIGKILL");
    expect(await test.ended(id)).toMatchObject({ exitCode: null, cause: "lost" });
    await expect
      .poll(() =>
        readFile(`/proc/${pid}/stat`, "utf8").then(
          (text) => text.split(" ")[2],
          () => "gone",
        ),
      )
      .toMatch(/gone|Z/);
  });

  it("measures what a container uses while it runs and after", async () => {
    const id = await test.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo counted; sleep 1000");
    await expect.poll(() => test.logText(id), { timeout: 20_000 }).toContain("counted");
    const during = await test.engine.usage(id);
    expect(during?.cpuSeconds).toBeGreaterThan(0);
    await test.engine.stop(id, 0);
    expect((await test.ended(id)).usage?.cpuSeconds).toBeGreaterThanOrEqual(during?.cpuSeconds as number);
    expect(await test.engine.usage(id)).toBeNull();
  });

  it("refuses to remove a running container, and removes an ended one twice without complaint", async () => {
    const id = await test.run("sleep 1000");
    await expect(test.engine.remove(id)).rejects.toMatchObject({ code: "conflict" });
    await test.engine.stop(id, 0);
    await test.engine.remove(id);
    await test.engine.remove(id);
    expect(test.engine.get(id)).toBeNull();
  });

  it("runs many at once", async () => {
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map((code) => test.runToEnd(`exit ${code}`)));
    expect(results.map(({ exit }) => exit.exitCode)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("leaves nothing after remove and close", async () => {
    const own = await openTestEngine();
    for (const network of ["host", "none", "bridge"] as const) {
      const { id } = await own.runToEnd("true", { network });
      await own.engine.remove(id);
    }
    await own.engine.close();
    expect(await leftovers(own.dataDir, own.runDir)).toEqual([]);
    await own.close();
  });

  it("keeps the environment out of its record", async () => {
    const { id } = await test.runToEnd("true", { env: { API_KEY: "canary-7f3a" } });
    expect(await readFile(join(test.dataDir, "containers", id, "container.json"), "utf8")).not.toContain("canary-7f3a");
  });
});

describe("interruption", () => {
  it("of a start leaves nothing", async () => {
    const interrupt = new AbortController();
    const request = testRequest("sleep 1000");
    const started = test.engine.run(request, (message) => message === "starting" && interrupt.abort(), interrupt.signal);
    await expect(started).rejects.toThrow();
    expect(test.engine.get(request.id)).toBeNull();
    expect((await leftovers(test.dataDir, test.runDir)).filter((text) => text.includes(request.id))).toEqual([]);
  });
});
