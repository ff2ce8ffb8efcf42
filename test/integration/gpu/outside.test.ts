import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateRequirement, type HostState, type RequirementFacts, writeHostState } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { parseRequirement } from "../../../src/shared/gpu-requirements/index.ts";
import { runs } from "../../support/property-runs.ts";
import { buildFakeAndHook, RUNTIME_WRAPPER_ASAN } from "./support/builds.ts";
import { removeTestCgroups } from "./support/container.ts";
import { exec, type Finished, must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { type Engine, install, startDocker, startPodman } from "./support/outside-berth.ts";
import { makeTinyRootfs, tree } from "./support/rootfs.ts";

let machine: GpuMachine;
let prefix: string;
let imageTar: string;

beforeAll(async () => {
  await buildFakeAndHook("all");
  await buildFakeAndHook("asan");
  machine = await makeGpuMachine(4);
  prefix = join(machine.folder, "prefix");
  imageTar = join(machine.folder, "tiny.tar");
  await makeTinyRootfs(join(machine.folder, "tiny"));
  await must("tar", ["-C", join(machine.folder, "tiny"), "-cf", imageTar, "."]);
  await install("podman", prefix, machine.driverRoot);
  await install("docker", prefix, machine.driverRoot);
  await writeState();
}, 180_000);

afterAll(async () => {
  await removeTestCgroups();
  await machine.remove();
});

function writeState(): Promise<HostState> {
  const path = join(prefix, "run/berth/gpu-host-state.json");
  return writeHostState({ native: loadNative(), clock: systemClock(), driverRoot: machine.driverRoot, simulated: true, path });
}

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
    engine = await start(machine.folder, prefix, imageTar);
  }, 60_000);
  afterAll(() => engine.stop());

  const shown = (devices: string, ...more: string[]): Promise<Finished> =>
    engine.run("--rm", "-e", `NVIDIA_VISIBLE_DEVICES=${devices}`, ...more, "tiny", "sh", "-c", SHOW);

  it.each([
    ["indices", () => "1,3", [1, 3]],
    ["a UUID in lower case", () => machine.uuids[2]?.toLowerCase() ?? "", [2]],
    ["a PCI bus id", () => "00000000:11:00.0", [1]],
    ["CDI names", () => "nvidia.com/gpu=0, nvidia.com/gpu=3", [0, 3]],
    ["all", () => "all", [0, 1, 2, 3]],
  ])("shows exactly the GPUs asked for by %s", async (_how, devices, expected) => {
    expect(seen(await shown(devices()))).toEqual({
      nodes: expected.map((gpu) => `nvidia${gpu}`),
      uuids: expected.map((gpu) => machine.uuids[gpu]),
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
  const engine = await startPodman(join(machine.folder, "refusing"), prefix, imageTar);
  try {
    const refused = await engine.run("--rm", ...env("NVIDIA_VISIBLE_DEVICES=9"), "tiny", "ls");
    expect(refused.code).not.toBe(0);
    const path = join(prefix, "run/berth/last-refusal");
    expect(await readFile(path, "utf8")).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}Z this machine has no GPU 9\n$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await engine.run("--rm", ...env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=a\u001b[2J\nb"), "tiny", "ls");
    expect(await readFile(path, "utf8")).toMatch(/unknown capability a\?\[2J\?b\n$/);
  } finally {
    await engine.stop();
  }
}, 60_000);

const LIST = ["sh", "-c", "ls /dev /usr/local/nvidia/*"];

function env(...variables: string[]): string[] {
  return variables.flatMap((variable) => ["-e", variable]);
}

describe("berth-runtime", () => {
  let bundle: string;

  beforeAll(async () => {
    bundle = join(machine.folder, "bundle");
    await mkdir(bundle);
  });

  /** `echo` stands for the runtime, so that what it would have been given is seen. */
  async function call(settings: object, spec: unknown, ...args: string[]): Promise<Finished & { spec: string }> {
    const path = join(machine.folder, "settings.json");
    const whole = {
      ...JSON.parse(await readFile(join(prefix, "etc/berth/runtime.json"), "utf8")),
      runtime: "/bin/echo",
      refresh: [],
      ...settings,
    };
    await writeFile(path, JSON.stringify(whole), { mode: 0o644 });
    await writeFile(join(bundle, "config.json"), typeof spec === "string" ? spec : JSON.stringify(spec));
    const finished = await exec(RUNTIME_WRAPPER_ASAN, ["--berth-settings", path, ...args]);
    return { ...finished, spec: await readFile(join(bundle, "config.json"), "utf8") };
  }
  const asking = (devices: string) => ({ process: { env: [`NVIDIA_VISIBLE_DEVICES=${devices}`, "PATH=/bin"] }, linux: {} });

  it.each([
    [["--root", "/r", "start", "c"]],
    [["--systemd-cgroup", "delete", "--force", "create"]],
    [["list", "--version"]],
    [["--root", "create", "kill", "c", "9"]],
  ])("hands %j on as it is and edits nothing", async (args) => {
    const spec = asking("0");
    expect(await call({}, spec, ...args)).toEqual({ code: 0, stdout: `${args.join(" ")}\n`, stderr: "", spec: JSON.stringify(spec) });
  });

  it("edits the spec once however often the same bundle is created", async () => {
    const args = ["--root", "/r", "create", "--bundle", bundle, "c"];
    const first = await call({}, asking("2"), ...args);
    expect(first.stdout).toBe(`${args.join(" ")}\n`);
    const again = await call({}, first.spec, ...args);
    const { hooks, process } = JSON.parse(again.spec);
    expect(hooks.createRuntime).toHaveLength(1);
    expect(process.env.filter((entry: string) => entry.startsWith("NVIDIA_VISIBLE"))).toEqual([
      `NVIDIA_VISIBLE_DEVICES=${machine.uuids[2]}`,
    ]);
    expect(process.env).toContain("PATH=/bin:/usr/local/nvidia/bin");
    expect(await tree(bundle)).toEqual(["config.json", "injection-plan.json"]);
  });

  it("leaves a container alone that asks for no GPU", async () => {
    const { code, spec } = await call({}, { process: {}, linux: {} }, "create", "-b", bundle, "c");
    expect([code, spec]).toEqual([0, '{"process":{},"linux":{}}']);
  });

  it.each([
    ["no JSON", "nonsense"],
    ["numbers in the environment", { process: { env: [1] } }],
    ["a list for an object", { process: [], annotations: 7 }],
  ])("refuses a spec with %s in one clear line", async (_what, spec) => {
    const { code, stderr } = await call({}, spec, "create", "-b", bundle, "c");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^berth-runtime: [^\n]+\n$/);
  });

  it("holds NVIDIA_REQUIRE_* exactly as the planner of Berth's own containers does", async () => {
    const [gpu] = (await writeState()).devices;
    const facts = { cuda: "12.4", driver: "550.163.01", arch: gpu?.computeCapability ?? null, brands: gpu?.brands ?? [], gpu: "GPU" };
    const version = fc.constantFrom("12.4", "12", "12.4.0", "99", "550.163.01", "550.163", "9.0", "8", "1.x", "");
    const word = fc.tuple(
      fc.constantFrom("cuda", "driver", "ARCH", "brand", "gpu"),
      fc.constantFrom("=", "!=", ">=", "<", "==", ""),
      version,
    );
    const brand = fc.tuple(fc.constant("brand"), fc.constantFrom("=", "!="), fc.constantFrom("tesla", "NVIDIA", "geforce", "titan"));
    const rule = fc.oneof(word, brand).map((parts) => parts.join(""));
    const expression = fc.array(fc.tuple(rule, fc.constantFrom(" ", ",", "")), { maxLength: 4 }).map((parts) => parts.flat().join(""));
    await fc.assert(
      fc.asyncProperty(expression, async (text) => {
        const spec = { process: { env: ["NVIDIA_VISIBLE_DEVICES=0", `NVIDIA_REQUIRE_X=${text}`] }, linux: {} };
        expect((await call({}, spec, "create", "-b", bundle, "c")).code === 0).toBe(isMet(text, facts));
      }),
      { numRuns: runs(200) },
    );
  });

  it("refuses a host state of another driver, and has it made anew where it can", async () => {
    const version = join(machine.driverRoot, "proc/driver/nvidia/version");
    const text = await readFile(version, "utf8");
    await writeFile(version, text.replace("550.163.01", "999.1"));
    const args = ["create", "-b", bundle, "c"];
    expect((await call({}, asking("0"), ...args)).stderr).toMatch(
      /is of another driver than the one that is loaded; `berth gpu host-state`/,
    );
    const state = join(prefix, "run/berth/gpu-host-state.json");
    const made = { file: version, text: await readFile(version, "utf8") };
    await writeFile(`${state}.fresh`, JSON.stringify({ ...JSON.parse(await readFile(state, "utf8")), driver: made }));
    expect((await call({ refresh: ["/bin/cp", `${state}.fresh`, state] }, asking("0"), ...args)).code).toBe(0);
    await writeFile(version, text);
    await writeState();
  });

  it("refuses a host state that others could have written, and a GPU that is not healthy", async () => {
    const state = join(machine.folder, "state.json");
    const whole = JSON.parse(await readFile(join(prefix, "run/berth/gpu-host-state.json"), "utf8")) as HostState;
    for (const device of whole.devices.slice(0, 1)) device.problem = "fell off the bus";
    await writeFile(state, JSON.stringify(whole));
    const args = ["create", "-b", bundle, "c"];
    expect((await call({ state }, asking("0"), ...args)).stderr).toBe("berth-runtime: GPU 0 is not handed out: fell off the bus\n");
    const all = JSON.parse((await call({ state }, asking("all"), ...args)).spec);
    expect(all.process.env).toContain(`NVIDIA_VISIBLE_DEVICES=${machine.uuids.slice(1).join(",")}`);
    await must("chmod", ["666", state]);
    expect((await call({ state }, asking("0"), ...args)).stderr).toMatch(/is not a regular file that only its owner can write/);
  });
});

function isMet(expression: string, facts: RequirementFacts): boolean {
  try {
    return evaluateRequirement(parseRequirement("NVIDIA_REQUIRE_X", expression), facts).holds;
  } catch {
    return false;
  }
}

it("writes a CDI file alone for engines that read those, and takes it away again", async () => {
  const other = join(machine.folder, "cdi");
  await install("cdi", other, machine.driverRoot);
  const spec = JSON.parse(await readFile(join(other, "etc/cdi/berth.json"), "utf8")) as { kind: string; devices: { name: string }[] };
  expect(spec.kind).toBe("nvidia.com/gpu");
  expect(spec.devices.map(({ name }) => name)).toContain(machine.uuids[3]);
  await install("cdi", other, machine.driverRoot, "--uninstall");
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual([]);
});

it("installs once, shows what it would write, and takes all of it away again", async () => {
  const other = join(machine.folder, "other");
  await mkdir(join(other, "etc/docker"), { recursive: true });
  await writeFile(join(other, "etc/docker/daemon.json"), '{"debug":true}');
  const containerd = join(other, "etc/containerd/config.toml");
  const own = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  enable_cdi = true\n';
  await mkdir(join(other, "etc/containerd"));
  await writeFile(containerd, own);
  const before = await tree(other);
  expect(await install("docker", other, "/", "--dry-run")).toContain("would write");
  expect(await tree(other)).toEqual(before);
  for (const engine of ["docker", "podman", "containerd", "crio"]) await install(engine, other, "/");
  for (const engine of ["docker", "containerd"]) expect(await install(engine, other, "/")).not.toMatch(/wrote|copied/);
  expect(await readFile(containerd, "utf8")).toMatch(
    /^version = 2\n[\s\S]*enable_cdi = true\n[\s\S]*runtimes\.runc\][\s\S]*runtimes\.berth\]/,
  );
  for (const engine of ["podman", "containerd", "crio", "docker"]) await install(engine, other, "/", "--uninstall");
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual(["etc/containerd/config.toml", "etc/docker/daemon.json"]);
  expect(await readFile(containerd, "utf8")).toBe(own);
  expect(JSON.parse(await readFile(join(other, "etc/docker/daemon.json"), "utf8"))).toEqual({ debug: true });
});

it.each([
  ["docker", "etc/docker/daemon.json", "{", /JSON/],
  ["containerd", "etc/containerd/config.toml", "oom_score = 1\n", /is of version 1; `containerd config migrate` prints it/],
])("writes nothing where %s's own file is one it cannot edit", async (engine, file, text, reason) => {
  const other = join(machine.folder, `odd-${engine}`);
  await mkdir(join(other, file, ".."), { recursive: true });
  await writeFile(join(other, file), text);
  await expect(install(engine, other, "/")).rejects.toThrow(reason);
  expect((await tree(other)).filter((path) => !path.endsWith("/"))).toEqual([file]);
  expect(await readFile(join(other, file), "utf8")).toBe(text);
});
