import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CDI_CAPABILITIES, type CdiSnapshot, createDriverRoot, readCdiSnapshot, writeCdiFile } from "../../../src/node/gpu/index.ts";
import { until } from "../../support/poll.ts";
import { buildFakeAndHook } from "./support/builds.ts";
import { cdiPodman, removePodmanCgroups } from "./support/cdi-podman.ts";
import { addCudaProgram } from "./support/cuda-program.ts";
import { must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { makeTinyRootfs } from "./support/rootfs.ts";

let machine: GpuMachine;
let cdiDir: string;
let rootfs: string;

beforeAll(async () => {
  await buildFakeAndHook("all");
  machine = await makeGpuMachine(4);
  cdiDir = join(machine.folder, "cdi");
  rootfs = join(machine.folder, "rootfs");
  await makeTinyRootfs(rootfs);
  await addCudaProgram(rootfs);
  await chmod(machine.folder, 0o755);
});
afterAll(async () => {
  await removePodmanCgroups();
  await machine.remove();
});
beforeEach(() => rm(cdiDir, { recursive: true, force: true }));

function snapshot(driverRoot = machine.driverRoot): Promise<CdiSnapshot> {
  return readCdiSnapshot({
    inventory: async () => machine.inventory,
    driver: createDriverRoot(driverRoot),
    capabilities: CDI_CAPABILITIES,
  });
}

async function writeSpec(format: "yaml" | "json"): Promise<void> {
  await writeCdiFile(join(cdiDir, `berth.${format}`), (await snapshot()).spec, format);
}

const podman = () => cdiPodman({ folder: machine.folder, cdiDir, rootfs });

describe.each(["yaml", "json"] as const)("podman with our CDI file as %s", (format) => {
  beforeEach(() => writeSpec(format));

  it("shows exactly the GPUs that were asked for, by index and by UUID", async () => {
    const devices = ["nvidia.com/gpu=1", `nvidia.com/gpu=${machine.uuids[3]}`];
    const result = await podman().run(devices, "/bin/sh", "-c", "ls /dev | grep -E 'nvidia[0-9]'; nvidia-smi -L");
    expect(result.stderr).toBe("");
    expect(result.stdout.match(/GPU-[0-9a-f-]+|nvidia\d/g)).toEqual(["nvidia1", "nvidia3", machine.uuids[1], machine.uuids[3]]);
  });

  it("loads libcuda without any environment variable, cache or hook", async () => {
    const result = await podman().run(["nvidia.com/gpu=2"], "/bin/env", "-i", "/bin/cuda-probe");
    expect(result).toEqual({ code: 0, stderr: "", stdout: "cuInit 0, 1 devices\n" });
  });

  it("lets no other GPU be opened", async () => {
    const script = "cat /dev/nvidia0; mknod /tmp/other c 195 3; cat /dev/nvidia3";
    const result = await podman().run(["nvidia.com/gpu=0"], "/bin/sh", "-c", script);
    expect(result.stderr).toContain("/dev/nvidia0': No such device or address");
    expect(result.stderr).toContain("mknod: /tmp/other: Operation not permitted");
    expect(result.stderr).toContain("/dev/nvidia3': No such file or directory");
  });
});

it("shows all of them for nvidia.com/gpu=all, and refuses one that there is not", async () => {
  await writeSpec("yaml");
  const all = await podman().run(["nvidia.com/gpu=all"], "/bin/sh", "-c", "nvidia-smi -L | grep -c GPU-");
  expect(all.stdout).toBe("4\n");
  const none = await podman().run(["nvidia.com/gpu=4"], "/bin/true");
  expect(none.stderr).toContain("unresolvable CDI devices nvidia.com/gpu=4");
});

it("offers nothing, with the reason, while a library of the driver is gone or being upgraded", async () => {
  const folder = join(machine.driverRoot, "usr/lib/x86_64-linux-gnu");
  const [library, away] = [join(folder, "libcuda.so.550.163.01"), join(folder, "libcuda.so.560.1")];
  await rename(library, away);
  await must("ln", ["-sfn", "libcuda.so.560.1", join(folder, "libcuda.so.1")]);
  try {
    expect(await snapshot()).toEqual({ spec: null, reason: expect.stringMatching(/libcuda\.so\S* leads to 560\.1/) });
  } finally {
    await rename(away, library);
    await must("ln", ["-sfn", "libcuda.so.550.163.01", join(folder, "libcuda.so.1")]);
  }
});

it("offers nothing, with the reason, while a node that every container needs is missing", async () => {
  const node = join(machine.driverRoot, "dev/nvidia-uvm");
  await rename(node, `${node}-away`);
  const missing = await snapshot();
  await rename(`${node}-away`, node);
  expect(missing).toEqual({ spec: null, reason: "/dev/nvidia-uvm is missing; `nvidia-modprobe -c 0 -u` makes the nodes" });
  expect((await snapshot()).reason).toBeNull();
});

describe("berth gpu cdi", () => {
  const berth = (...args: string[]) => must(process.execPath, ["bin/berth.mjs", "gpu", "cdi", ...args]);

  it("generates a file, lists its devices, and says so when a path of the host is gone", async () => {
    const file = join(cdiDir, "berth.yaml");
    await mkdir(cdiDir, { recursive: true });
    await berth("generate", "--output", file, "--driver-root", machine.driverRoot, "--simulated");
    expect(parse(await readFile(file, "utf8")).kind).toBe("nvidia.com/gpu");
    expect(await berth("list", "--cdi-dir", cdiDir, "-o", "name")).toContain(`nvidia.com/gpu=${machine.uuids[0]}\n`);
    await rename(join(machine.driverRoot, "dev/nvidia2"), join(machine.driverRoot, "dev/away"));
    const listed = await berth("list", "--cdi-dir", cdiDir);
    await rename(join(machine.driverRoot, "dev/away"), join(machine.driverRoot, "dev/nvidia2"));
    expect(listed.split("\n").find((line) => line.startsWith("nvidia.com/gpu=2 "))).toContain("dev/nvidia2 is gone");
    expect(listed.split("\n").find((line) => line.startsWith("nvidia.com/gpu=0 "))).toMatch(/ok$/);
  });

  it("keeps the file true while it watches: gone with half an upgrade, back when it is over", async () => {
    const file = join(cdiDir, "berth.json");
    const options = ["--output", file, "--watch", "--interval", "1s", "--driver-root", machine.driverRoot, "--simulated"];
    const watching = spawn(process.execPath, ["bin/berth.mjs", "gpu", "cdi", "generate", ...options], { stdio: "ignore" });
    const link = join(machine.driverRoot, "usr/lib/x86_64-linux-gnu/libcuda.so.1");
    try {
      await until("the file", 60, () => existsSync(file));
      await must("ln", ["-sfn", "libcuda.so.560.1", link]);
      await writeFile(join(link, "../libcuda.so.560.1"), "");
      await until("no file", 60, () => !existsSync(file));
      await must("ln", ["-sfn", "libcuda.so.550.163.01", link]);
      await until("the file again", 60, () => existsSync(file));
    } finally {
      await must("ln", ["-sfn", "libcuda.so.550.163.01", link]);
      await rm(join(link, "../libcuda.so.560.1"), { force: true });
      const ended = once(watching, "exit");
      watching.kill("SIGTERM");
      expect(await ended).toEqual([0, null]);
    }
    expect(existsSync(file)).toBe(true);
  });

  it("prints JSON on stdout, with the files of the named capabilities only", async () => {
    const spec = JSON.parse(
      await berth("generate", "--format", "json", "--driver-root", machine.driverRoot, "--simulated", "--capabilities", "utility"),
    );
    const places: string[] = spec.containerEdits.mounts.map((mount: { containerPath: string }) => mount.containerPath);
    expect(places.some((place) => place.includes("libnvidia-ml"))).toBe(true);
    expect(places.some((place) => place.includes("libcuda"))).toBe(false);
  });
});
