import { execFile } from "node:child_process";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { elfWithNote } from "../unit/gpu/requests-compat-elf.ts";

let berth: Berth;

beforeAll(async () => {
  berth = await Berth.start({ simulateGpus: 2, extraArguments: ["--allow-gpu-device", "gdrcopy", "--allow-gpu-device", "mofed"] });
  await loadTinyImage(berth);
});
afterAll(() => berth?.dispose());

const LIST = { command: ["sh", "-c", "ls /usr/local/nvidia/lib64; ls /dev"], resources: { gpus: 1 } };

/** The names that a job with this environment sees in its driver folder and /dev. */
async function seenWith(env: Record<string, string>): Promise<string[]> {
  const id = await berth.submit({ name: "list", ...LIST, env });
  await berth.waitFor(id, "succeeded");
  return berth.logLines(id);
}

test("a job that asks for utility has NVML and neither CUDA nor its device", async () => {
  const names = await seenWith({ NVIDIA_DRIVER_CAPABILITIES: "utility" });
  expect(names).toEqual(expect.arrayContaining(["libnvidia-ml.so.1", "nvidiactl"]));
  expect(names.filter((name) => /libcuda|uvm/.test(name))).toEqual([]);
});

test("a job that asks for compute has CUDA and not NVML, one that says nothing has both", async () => {
  const compute = await seenWith({ NVIDIA_DRIVER_CAPABILITIES: "compute" });
  expect(compute).toContain("libcuda.so.1");
  expect(compute).not.toContain("libnvidia-ml.so.1");
  expect(await seenWith({})).toEqual(expect.arrayContaining(["libcuda.so.1", "libnvidia-ml.so.1", "nvidia-uvm"]));
});

test.each(["void", "none", "all", "1,0"])(
  "NVIDIA_VISIBLE_DEVICES=%s neither takes an assigned GPU away nor gives another",
  async (value) => {
    const names = await seenWith({ NVIDIA_VISIBLE_DEVICES: value });
    expect(names.filter((name) => /^nvidia\d+$/.test(name))).toHaveLength(1);
  },
);

test("an unmet requirement ends the job before it starts, and `berth get` says what is asked and what there is", async () => {
  const id = await berth.submit({ name: "new-cuda", ...LIST, env: { NVIDIA_REQUIRE_CUDA: "cuda>=99 driver>=999" } });
  await berth.waitFor(id, "failed");
  const { stdout } = await berth.cli("get", id);
  expect(stdout).toMatch(
    /Outcome.*NVIDIA_REQUIRE_CUDA="cuda>=99 driver>=999" is not met by GPU \d \(GPU-[0-9a-f-]+\): cuda>=99 \(cuda is 12\.4\), driver>=999/,
  );
  expect(await seenWith({ NVIDIA_REQUIRE_CUDA: "cuda>=99", NVIDIA_DISABLE_REQUIRE: "true" })).toContain("libcuda.so.1");
});

test.each<[string, Record<string, string>, RegExp]>([
  ["an unknown capability", { NVIDIA_DRIVER_CAPABILITIES: "compute,bogus" }, /"bogus" is no capability/],
  ["a malformed requirement", { NVIDIA_REQUIRE_X: "gpu>=1" }, /NVIDIA_REQUIRE_X="gpu>=1": "gpu>=1" asks for "gpu"/],
  ["the right to partition GPUs", { NVIDIA_MIG_CONFIG_DEVICES: "all" }, /NVIDIA_MIG_CONFIG_DEVICES="all" needs a privileged container/],
])("%s fails the job with the reason", async (_what, env, reason) => {
  const id = await berth.submit({ name: "refused", ...LIST, env });
  expect((await berth.waitFor(id, "failed")).outcome?.message).toMatch(reason);
});

test("berth gpu plan shows what an image would get, and why, without running it", async () => {
  const { stdout, code } = await berth.cli("gpu", "plan", "--gpus", "2", "-e", "NVIDIA_DRIVER_CAPABILITIES=utility", "tiny");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^mount +\/usr\/local\/nvidia\/lib64\/libnvidia-ml\.so\.\S+ +utility /m);
  expect(stdout).not.toContain("libcuda");
  expect(stdout.match(/^device +\/dev\/nvidia\d +assignment/gm)).toHaveLength(2);
  const { stdout: json } = await berth.cli("gpu", "plan", "-e", "NVIDIA_REQUIRE_CUDA=cuda>=12", "-o", "json", "tiny");
  expect(JSON.parse(json)).toMatchObject({
    requirementsMet: true,
    requirements: [{ heldBy: "cuda>=12" }],
    capabilities: ["utility", "compute"],
  });
  expect((await berth.containers()).filter((name) => !name.startsWith("job-"))).toEqual([]);
});

test("berth gpu plan tells of unmet requirements with everything else, and fails", async () => {
  const { stdout, stderr, code } = await berth.cli("gpu", "plan", "-e", "NVIDIA_REQUIRE_CUDA=cuda>=99", "tiny");
  expect([code, stderr]).toEqual([1, expect.stringContaining("would not start here")]);
  expect(stdout).toMatch(/Requirement +NVIDIA_REQUIRE_CUDA NOT MET by GPU 0 .*cuda>=99 \(cuda is 12\.4\)/);
  const quotes = await berth.cli("gpu", "plan", "--gpus", "device=0,1", "tiny");
  expect([quotes.code, quotes.stderr]).toEqual([1, expect.stringContaining(`--gpus '"device=0,1"', with both quotes`)]);
});

test("a job gets what it asks for beside its GPUs where the operator allows it, and nothing else", async () => {
  const root = join(berth.dataDir, "simulated-gpus");
  const dev = join(root, (await readdir(root)).find((name) => name.startsWith("root-")) ?? "", "dev");
  await promisify(execFile)("mkdir", ["-p", join(dev, "infiniband")]);
  for (const [name, minor] of Object.entries({ gdrdrv: "0", "infiniband/uverbs0": "1", "nvidia-fs0": "2" })) {
    await promisify(execFile)("mknod", [join(dev, name), "c", "507", minor]);
  }
  const asking = { NVIDIA_GDRCOPY: "enabled", NVIDIA_MOFED: "enabled", NVIDIA_GDS: "enabled" };
  const names = await seenWith(asking);
  expect(names).toEqual(expect.arrayContaining(["gdrdrv", "infiniband"]));
  expect(names).not.toContain("nvidia-fs0");
  expect(await seenWith({})).not.toContain("gdrdrv");
  // No driver stands behind the number, so an open that passes the device rules ends with ENXIO instead of EPERM.
  const id = await berth.submit({
    name: "open",
    command: ["sh", "-c", "cat /dev/infiniband/uverbs0 2>&1"],
    resources: { gpus: 1 },
    env: asking,
  });
  await berth.waitFor(id, "failed");
  expect((await berth.logLines(id)).join()).toContain("No such device or address");
});

test("an image's newer CUDA stands in for the driver's where its note names the host's branch", async () => {
  const context = join(berth.dataDir, "compat-context");
  await mkdir(join(context, "compat"), { recursive: true });
  await writeFile(join(context, "compat/libcuda.so.590.44.01"), elfWithNote('{"CUDA Version": "13.1", "Driver": [535, 550]}'));
  await symlink("libcuda.so.590.44.01", join(context, "compat/libcuda.so.1"));
  await writeFile(join(context, "Dockerfile"), "FROM tiny\nCOPY compat /usr/local/cuda/compat\n");
  expect(await berth.cli("build", "-t", "compat", context)).toMatchObject({ code: 0 });
  const command = ["sh", "-c", "echo $LD_LIBRARY_PATH; grep -c /usr/local/cuda/compat/libcuda.so.1 /etc/ld.so.cache"];
  const id = await berth.submit({ name: "compat", image: "compat", command, resources: { gpus: 1 } });
  await berth.waitFor(id, "succeeded");
  expect(await berth.logLines(id)).toEqual(["/usr/local/cuda/compat:/usr/local/nvidia/lib64", "1"]);
  const { stdout } = await berth.cli("gpu", "plan", "compat");
  expect(stdout).toContain("/usr/local/cuda/compat (590.44.01) is used: its note names the host's driver branch 550");
});
