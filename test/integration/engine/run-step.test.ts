import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createRunStep, type Step } from "../../../src/node/engine/index.ts";
import { createSnapshots, type Snapshots } from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { leftovers } from "../../support/leftovers.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";
import { TINY_IMAGE } from "../../support/tiny-image.ts";

let test: TestEngine;
let snapshots: Snapshots;
let containerDir: string;
let rootfs: string;

beforeAll(async () => {
  test = await openTestEngine();
  snapshots = createSnapshots({ dataDir: test.dataDir, native: loadNative(), clock: systemClock() });
  const image = await test.images.get(TINY_IMAGE);
  await test.images.unpack(image, () => undefined, new AbortController().signal);
  containerDir = join(test.dataDir, "a-build");
  await mkdir(containerDir);
  rootfs = (await snapshots.mount(containerDir, image.chainIds)).rootfs;
});
afterAll(async () => {
  await snapshots.unmount(containerDir);
  await test.close();
});

async function runStep(script: string, overrides: Partial<Step> = {}, signal = new AbortController().signal) {
  let output = "";
  const step: Step = {
    containerDir,
    rootfs,
    argv: ["/bin/sh", "-c", script],
    env: ["A=1"],
    workdir: "/",
    user: "",
    network: "host",
    ...overrides,
  };
  const { exitCode } = await createRunStep(test.engine)(step, (chunk) => (output += String(chunk)), signal);
  return { exitCode, output };
}

it("runs a command, streams both its outputs and gives back its exit code", async () => {
  const { exitCode, output } = await runStep("echo out; echo err >&2; echo $A; exit 3");
  expect(exitCode).toBe(3);
  expect(output.split("\n").sort()).toEqual(["", "1", "err", "out"]);
});

it("keeps what the command wrote, in the folder and as the user asked for", async () => {
  await runStep("pwd > where; id -u >> where", { workdir: "/tmp", user: "worker" });
  expect((await runStep("cat /tmp/where")).output).toBe("/tmp\n1000\n");
});

it("leaves no mount point of its own in the layer", async () => {
  await runStep("test -s /etc/resolv.conf || true; grep localhost /etc/hosts");
  expect((await runStep("true", { argv: ["/bin/true"] })).exitCode).toBe(0);
  const root = await loadNative().openRoot(rootfs);
  const found = await root.list("etc");
  root.close();
  expect(found.sort()).toEqual(["group", "passwd"]);
});

it("is protected like any container", async () => {
  const { output } = await runStep("grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status");
  expect(output).toMatch(/CapEff:\s+00000000800405fb\nNoNewPrivs:\s+1\nSeccomp:\s+2/);
});

it("ends with everything it started when it is aborted", async () => {
  const abort = new AbortController();
  const running = runStep("(trap '' TERM; sleep 1000) & sleep 1000", {}, abort.signal);
  await expect.poll(() => test.engine.core().cgroups.list(test.engine.core().paths.cgroup)).not.toEqual([]);
  abort.abort(new Error("the user left"));
  await expect(running).rejects.toThrow("the user left");
});

it("says why when the command cannot be run", async () => {
  await expect(runStep("", { argv: ["/no/such"] })).rejects.toMatchObject({ code: "container_start_failed" });
});

it("leaves nothing outside the build's folder", async () => {
  const own = (await leftovers(test.dataDir, test.runDir)).filter((text) => !text.includes("a-build/rootfs"));
  expect(own).toEqual([]);
});
