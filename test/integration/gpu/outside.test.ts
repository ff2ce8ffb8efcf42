import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, must } from "./support/exec.ts";
import { type Engine, startDocker, startPodman } from "./support/outside-berth.ts";
import { outsideMachine } from "./support/outside-machine.ts";
import { makeTinyRootfs } from "./support/rootfs.ts";

const outside = outsideMachine("podman", "docker");
let imageTar: string;

beforeAll(async () => {
  const { folder } = outside.machine;
  imageTar = join(folder, "tiny.tar");
  await makeTinyRootfs(join(folder, "tiny"));
  await must("tar", ["-C", join(folder, "tiny"), "-cf", imageTar, "."]);
});

const SHOW = "ls /dev | grep nvidia; nvidia-smi -L";

/** The UUIDs that nvidia-smi printed, and the nodes in /dev. */
function seen({ stdout }: Finished): { nodes: string[]; uuids: string[] } {
  return {
    nodes: stdout.split("\n").filter((line) => /^nvidia\d+$/.test(line)),
    uuids: stdout.match(/GPU-[0-9a-f-]{36}/g) ?? [],
  };
}

describe.each([
  ["podman run", startPodman],
  ["docker run --runtime berth", startDocker],
])("%s", (name, start) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await start(outside.machine.folder, outside.prefix, imageTar);
  });
  afterAll(() => engine.stop());

  const shown = (devices: string, ...more: string[]): Promise<Finished> =>
    engine.run("--rm", "-e", `NVIDIA_VISIBLE_DEVICES=${devices}`, ...more, "tiny", "sh", "-c", SHOW);

  it.each([
    ["indices", () => "1,3", [1, 3]],
    ["a UUID in lower case", () => outside.machine.uuids[2]?.toLowerCase() ?? "", [2]],
    ["a PCI bus id", () => "00000000:11:00.0", [1]],
    ["CDI names", () => "nvidia.com/gpu=0, nvidia.com/gpu=3", [0, 3]],
    ["all", () => "all", [0, 1, 2, 3]],
  ])("shows exactly the GPUs asked for by %s", async (_how, devices, expected) => {
    expect(seen(await shown(devices()))).toEqual({
      nodes: expected.map((gpu) => `nvidia${gpu}`),
      uuids: expected.map((gpu) => outside.machine.uuids[gpu]),
    });
  });

  it("gives the driver without a GPU for none, and nothing for void or no word", async () => {
    const none = await shown("none", "-e", "NVIDIA_DRIVER_CAPABILITIES=all");
    expect(seen(none)).toEqual({ nodes: [], uuids: [] });
    expect(none.stdout).toContain("nvidiactl");
    expect((await shown("0,void")).stdout).toBe("");
    expect((await engine.run("--rm", "tiny", "sh", "-c", "ls /dev /usr")).stdout).not.toContain("nvidia");
  });

  it("injects only the capabilities that are named", async () => {
    const utility = await engine.run("--rm", ...env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility"), "tiny", ...LIST);
    expect(utility.stdout).toContain("libnvidia-ml.so.1");
    expect(utility.stdout).not.toContain("libcuda");
    expect(utility.stdout).not.toContain("nvidia-uvm");
  });

  it.each([
    ["a GPU that is not there", env("NVIDIA_VISIBLE_DEVICES=0,9")],
    ["a newer driver", env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_REQUIRE_CUDA=cuda>=99")],
    ["a capability that does not exist", env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=bogus")],
  ])("does not start a container that asks for %s", async (_what, variables) => {
    const { code, stderr } = await engine.run("--rm", ...variables, "tiny", "ls");
    expect(code).not.toBe(0);
    expect(stderr).toMatch(name.startsWith("docker") ? /berth-runtime: \S/ : /hook/);
  });

  it("opens an assigned device and no other, even one that the container makes itself", async () => {
    const script = "cat /dev/nvidia1; mknod /tmp/other c 195 0 && cat /tmp/other";
    const result = await engine.run("--rm", "--cap-add", "MKNOD", ...env("NVIDIA_VISIBLE_DEVICES=1"), "tiny", "sh", "-c", script);
    expect(result.stderr).toContain("/dev/nvidia1': No such device or address");
    expect(result.stderr).toContain("/tmp/other': Operation not permitted");
  });

  it("leaves one empty folder in the writable layer, however often the container is started again", async () => {
    const name = ["--name", "again"];
    expect((await engine.run(...name, ...env("NVIDIA_VISIBLE_DEVICES=1"), "tiny", "ls")).stderr).toBe("");
    for (let start = 0; start < 3; start += 1) expect((await engine.command("start", "--attach", "again")).code).toBe(0);
    const diff = (await engine.command("diff", "again")).stdout
      .split("\n")
      .filter((line) => line.includes("nvidia") || line.includes("ld.so"));
    expect(diff).toEqual(["A /usr/local/nvidia"]);
    await engine.command("rm", "again");
  });
});

it("podman's refusals, whose reason podman itself drops, are told in a file of root's beside the host state", async () => {
  const engine = await startPodman(join(outside.machine.folder, "no"), outside.prefix, imageTar);
  try {
    const refused = await engine.run("--rm", ...env("NVIDIA_VISIBLE_DEVICES=9"), "tiny", "ls");
    expect(refused.code).not.toBe(0);
    const path = join(outside.prefix, "run/berth/last-refusal");
    expect(await readFile(path, "utf8")).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}Z this machine has no GPU 9\n$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await engine.run("--rm", ...env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=a\u001b[2J\nb"), "tiny", "ls");
    expect(await readFile(path, "utf8")).toMatch(/unknown capability a\?\[2J\?b\n$/);
  } finally {
    await engine.stop();
  }
});

const LIST = ["sh", "-c", "ls /dev /usr/local/nvidia/*"];

function env(...variables: string[]): string[] {
  return variables.flatMap((variable) => ["-e", variable]);
}
