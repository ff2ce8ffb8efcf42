import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeHostState } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { buildFakeAndHook } from "./support/builds.ts";
import { CGROUP_PARENT, removeTestCgroups } from "./support/container.ts";
import type { Finished } from "./support/exec.ts";
import { must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { install } from "./support/outside-berth.ts";
import { openPrivateMachine, type PrivateMachine } from "./support/private-machine.ts";
import { makeTinyRootfs } from "./support/rootfs.ts";
import { exactly, SHOW, seen } from "./support/show-gpus.ts";
import { TINY, writeImageArchive } from "./support/tiny-archive.ts";

/** This machine, with what the installer wrote below the prefix $1 in /etc, and a /run of its own. */
const SCRIPT = `set -e
mount -t overlay overlay -o "lowerdir=$1/etc:/etc" /etc
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
echo ready
exec cat`;

let gpus: GpuMachine;
let machine: PrivateMachine;
let address: string;
let berthRuntime: string;
const ctr = (...args: string[]): Promise<Finished> => machine.run("ctr", "--address", address, ...args);
const run = (id: string, variable: string, ...command: string[]): Promise<Finished> => {
  const options = ["--rm", "--runc-binary", berthRuntime, "--cgroup", `/${CGROUP_PARENT}/${id}`, "--env", variable];
  return ctr("run", ...options, TINY, id, ...command);
};

beforeAll(async () => {
  await buildFakeAndHook("all");
  gpus = await makeGpuMachine(4);
  const { folder, driverRoot } = gpus;
  const prefix = join(folder, "prefix");
  await makeTinyRootfs(join(folder, "tiny"));
  await must("tar", ["-C", join(folder, "tiny"), "-cf", join(folder, "tiny.tar"), "."]);
  await writeImageArchive(folder, "tiny.tar", join(folder, "image.tar"));
  await install("containerd", prefix, driverRoot);
  const state = join(prefix, "run/berth/gpu-host-state.json");
  await writeHostState({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, path: state });
  berthRuntime = join(prefix, "usr/local/libexec/berth/berth-runtime");
  address = join(folder, "containerd.sock");
  machine = await openPrivateMachine(SCRIPT, [prefix]);
  const config = join(folder, "containerd.toml");
  await mkdir(join(folder, "containerd"));
  await writeFile(config, `version = 2\nroot = "${folder}/containerd"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n`);
  machine.start(join(folder, "containerd.log"), "containerd", "--config", config, "--address", address);
  await until("containerd to answer", 60, async () => (await ctr("version")).code === 0);
  expect(await ctr("images", "import", join(folder, "image.tar"))).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await machine?.close();
  await removeTestCgroups();
  await gpus?.remove();
});

it("containerd with berth-runtime shows exactly the GPUs that were asked for, and no other can be opened", async () => {
  const shown = await run("show", `NVIDIA_VISIBLE_DEVICES=1,${gpus.uuids[3]}`, ...SHOW);
  expect({ ...seen(shown.stdout), stderr: shown.stderr }).toEqual({ ...exactly(gpus, [1, 3]), stderr: "" });
  const other = await run("other", "NVIDIA_VISIBLE_DEVICES=1", "/bin/sh", "-c", "mknod /tmp/other c 195 0 && cat /tmp/other");
  expect(other.stderr).toContain("/tmp/other': Operation not permitted");
  expect((await run("none", "OTHER=1", "/bin/ls", "/dev")).stdout).not.toContain("nvidia");
});

it("containerd tells why berth-runtime did not start a container", async () => {
  const { code, stderr } = await run("refused", "NVIDIA_VISIBLE_DEVICES=9", "/bin/ls");
  expect(code).not.toBe(0);
  expect(stderr).toContain("this machine has no GPU 9");
});
