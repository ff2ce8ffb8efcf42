import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateRequirement, type HostState, type InjectionPlan, writeHostState } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { isBerthError, systemClock } from "../../../src/shared/domain/index.ts";
import { brandsOfModel, imageRequirements } from "../../../src/shared/gpu-requirements/index.ts";
import { runs } from "../../support/property-runs.ts";
import { buildFakeAndHook, RUNTIME_WRAPPER_ASAN } from "./support/builds.ts";
import { exec, type Finished, must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";

let machine: GpuMachine;
let bundle: string;
let settings: string;

beforeAll(async () => {
  await buildFakeAndHook("all");
  await buildFakeAndHook("asan");
  machine = await makeGpuMachine(1);
  bundle = join(machine.folder, "bundle");
  settings = join(machine.folder, "settings.json");
  const state = join(machine.folder, "state.json");
  await mkdir(bundle);
  await writeState(state);
  // `echo` stands for the runtime that would be called next.
  const value = { runtime: "/bin/echo", hook: "/bin/true", state, plans: join(machine.folder, "plans"), refresh: [] };
  await writeFile(settings, JSON.stringify(value), { mode: 0o644 });
});
afterAll(() => machine.remove());

function writeState(path: string): Promise<HostState> {
  return writeHostState({ native: loadNative(), clock: systemClock(), driverRoot: machine.driverRoot, simulated: true, path });
}

async function start(env: Record<string, string>, bounding: string[] = []): Promise<Finished> {
  const entries = Object.entries({ NVIDIA_VISIBLE_DEVICES: "0", ...env }).map(([name, value]) => `${name}=${value}`);
  const spec = { process: { env: entries, capabilities: { bounding } }, linux: {} };
  await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
  return exec(RUNTIME_WRAPPER_ASAN, ["--berth-settings", settings, "create", "--bundle", bundle, "c"]);
}

/** What the agent would say of the same environment: null when the container may start. */
function refusal(env: Record<string, string>): string | null {
  const facts = { cuda: "12.4", driver: "550.163.01", arch: "9.0", brands: brandsOfModel("NVIDIA H100 80GB HBM3"), gpu: "the GPU" };
  try {
    const unmet = imageRequirements(env).requirements.find((requirement) => !evaluateRequirement(requirement, facts).holds);
    return unmet ? "unmet" : null;
  } catch (error) {
    if (isBerthError(error, "gpu_request_invalid")) return "malformed";
    throw error;
  }
}

async function agree(env: Record<string, string>): Promise<void> {
  const { code, stderr } = await start(env);
  const expected = refusal(env);
  const said = code === 0 ? null : / is not met by /.test(stderr) ? "unmet" : "malformed";
  expect([said, env, stderr.includes("Sanitizer")]).toEqual([expected, env, false]);
}

it("berth-runtime judges requirements as the agent does", async () => {
  const expressions = [
    "cuda>=12.4",
    "cuda>=99",
    "cuda>=99 driver>=550",
    "cuda>=12,driver>=999",
    "",
    " , ",
    "cuda=12.4.0",
    "cuda<12.10",
    "arch>=9",
  ];
  const odd = [
    "foo=1",
    "cuda>=12 foo=1",
    "cuda=>1",
    "brand!tesla",
    "brand==tesla",
    "cuda>=",
    "cuda>=1..2",
    "brand>=tesla",
    "cuda",
    "BRAND=Tesla",
  ];
  for (const expression of [...expressions, ...odd, "brand!=tesla", "brand!=quadro", "brand=quadro", "cuda>=9999999999999999"]) {
    await agree({ NVIDIA_REQUIRE_CUDA: expression });
  }
  await agree({ NVIDIA_REQUIRE_CUDA: "cuda>=12", NVIDIA_REQUIRE_B: "arch>=99" });
  for (const value of ["true", "0", "yes"]) await agree({ NVIDIA_REQUIRE_CUDA: "cuda>=99", NVIDIA_DISABLE_REQUIRE: value });
  for (const version of ["10.2.89", "99.1", "12", "cu118", "v99", "12.4-rc1"]) await agree({ CUDA_VERSION: version });
  await agree({ NVIDIA_REQUIRE_JETPACK: "csv-mounts=all" });
});

it("and comes to the same for any text", async () => {
  const piece = fc.constantFrom(
    "cuda",
    "driver",
    "arch",
    "brand",
    "=",
    "!=",
    "<",
    ">=",
    ">",
    "12.4",
    "550",
    ".",
    " ",
    ",",
    "tesla",
    "0",
    "\t",
    "é",
  );
  const expression = fc.array(piece, { maxLength: 14 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(expression, (text) => agree({ NVIDIA_REQUIRE_X: text })),
    { numRuns: runs(150) },
  );
});

it("says in one line which requirement is not met, and refuses MIG rights to what is not privileged", async () => {
  const unmet = await start({ NVIDIA_REQUIRE_CUDA: "cuda>=99" });
  expect([unmet.code, unmet.stderr]).toEqual([
    1,
    `berth-runtime: NVIDIA_REQUIRE_CUDA="cuda>=99" is not met by GPU ${machine.uuids[0]}: cuda>=99 (cuda is 12.4)\n`,
  ]);
  expect((await start({ NVIDIA_MIG_CONFIG_DEVICES: "all" })).stderr).toBe(
    "berth-runtime: NVIDIA_MIG_CONFIG_DEVICES needs a privileged container\n",
  );
  expect((await start({ NVIDIA_MIG_CONFIG_DEVICES: "all" }, ["CAP_SYS_ADMIN"])).code).toBe(0);
});

it.each([
  [
    { NVIDIA_GDS: "enabled" },
    /^berth-runtime: NVIDIA_GDS=enabled is given to jobs of Berth only; unset it and use --device \/dev\/nvidia-fs0/,
  ],
  [{ NVIDIA_MOFED: "enabled" }, /NVIDIA_MOFED=enabled .* use --device \/dev\/infiniband\/rdma_cm/],
  [{ NVIDIA_GDRCOPY: "enabled" }, /NVIDIA_GDRCOPY=enabled .* use --device \/dev\/gdrdrv\n$/],
  [{ NVIDIA_NVSWITCH: "enabled" }, /NVIDIA_NVSWITCH=enabled .* use --device \/dev\/nvidia-nvswitchctl/],
  [{ NVIDIA_IMEX_CHANNELS: "all, 3" }, /NVIDIA_IMEX_CHANNELS .* use --device \/dev\/nvidia-caps-imex-channels\/channel3\n$/],
])("refuses %j, which would be half done, and names what to use", async (env, expected) => {
  const { code, stderr } = await start(env);
  expect(code).toBe(1);
  expect(stderr).toMatch(expected);
});

it("starts with values that ask for nothing beside GPUs", async () => {
  expect((await start({ NVIDIA_GDS: "disabled", NVIDIA_MOFED: "", NVIDIA_IMEX_CHANNELS: "all" })).stderr).toBe("");
});

it("meets any damage to its host state with success or one clear line, never a memory error", async () => {
  const state = join(machine.folder, "state.json");
  const text = await readFile(state, "utf8");
  const hostile = fc.constantFrom('"', "}", "[", "null", "-1", "1e99", '"/../.."', "\u0000", "{}", "[]", "true", "\\ud800", "");
  const damage = fc.tuple(fc.nat(text.length - 1), fc.nat(40), hostile);
  try {
    await fc.assert(
      fc.asyncProperty(damage, async ([at, length, piece]) => {
        await writeFile(state, text.slice(0, at) + piece + text.slice(at + length));
        const { code, stderr } = await start({});
        expect([code, stderr]).toEqual(code === 0 ? [0, ""] : [1, expect.stringMatching(/^berth-runtime: [^\n]+\n$/)]);
      }),
      { numRuns: 150 },
    );
  } finally {
    await writeFile(state, text);
  }
});

it("gives a MIG device by its UUID or GPU:MIG, and says where the names are of one that is not there", async () => {
  const state = join(machine.folder, "state.json");
  const text = await readFile(state, "utf8");
  const whole = JSON.parse(text) as HostState;
  const [gpu] = whole.devices as [HostState["devices"][number]];
  const uuid = "MIG-5c89852c-d268-c3f3-1b07-005d5ae1dc3f";
  await writeFile(state, JSON.stringify({ ...whole, devices: [gpu, { ...gpu, names: ["0:0", uuid.toLowerCase()], uuid, inAll: false }] }));
  try {
    for (const name of [uuid, "0:0"]) {
      expect((await start({ NVIDIA_VISIBLE_DEVICES: name })).stderr).toBe("");
      expect(JSON.parse(await readFile(join(bundle, "config.json"), "utf8")).process.env).toContain(`NVIDIA_VISIBLE_DEVICES=${uuid}`);
    }
    expect((await start({ NVIDIA_VISIBLE_DEVICES: "MIG-0" })).stderr).toBe(
      "berth-runtime: this machine has no GPU or MIG device mig-0; `nvidia-smi -L` names them\n",
    );
  } finally {
    await writeFile(state, text);
  }
});

describe("on a machine with MIG", () => {
  const capabilities = () => join(machine.driverRoot, "proc/driver/nvidia/capabilities");
  const state = () => join(machine.folder, "state.json");
  const injected = async () => ({
    plan: JSON.parse(await readFile(join(bundle, "injection-plan.json"), "utf8")) as InjectionPlan,
    spec: JSON.parse(await readFile(join(bundle, "config.json"), "utf8")),
  });

  beforeAll(async () => {
    await mkdir(join(capabilities(), "mig"), { recursive: true });
    await mkdir(join(machine.driverRoot, "dev/nvidia-caps"));
    for (const [right, minor] of [
      ["config", 1],
      ["monitor", 2],
    ] as const) {
      await writeFile(join(capabilities(), "mig", right), `DeviceFileMinor: ${minor}\nDeviceFileMode: 256\n`);
      await must("mknod", ["-m", "0400", join(machine.driverRoot, `dev/nvidia-caps/nvidia-cap${minor}`), "c", "511", String(minor)]);
    }
    await writeState(state());
  });

  it.each([
    ["NVIDIA_MIG_CONFIG_DEVICES", "all", ["config"]],
    ["NVIDIA_MIG_MONITOR_DEVICES", "ALL", ["monitor"]],
    ["NVIDIA_VISIBLE_DEVICES", "0", []],
  ])("gives a privileged container that sets %s=%s the nodes of these rights and of no other: %j", async (name, value, rights) => {
    expect((await start({ [name]: value }, ["CAP_SYS_ADMIN"])).stderr).toBe("");
    const { plan, spec } = await injected();
    const minors = rights.map((right) => (right === "config" ? 1 : 2));
    expect(plan.deviceNodes.map(({ path }) => path).filter((path) => path.includes("caps"))).toEqual(
      minors.map((minor) => `/dev/nvidia-caps/nvidia-cap${minor}`),
    );
    expect(plan.procDriver?.shown?.filter((path) => path.startsWith("capabilities"))).toEqual(
      rights.map((right) => `capabilities/mig/${right}`),
    );
    const rules = spec.linux.resources.devices.filter(({ major }: { major: number }) => major === 511);
    expect(rules.map(({ minor, access }: { minor: number; access: string }) => [minor, access])).toEqual(
      minors.map((minor) => [minor, "rw"]),
    );
  });

  it.each([
    [{ NVIDIA_MIG_CONFIG_DEVICES: "all" }, [], /NVIDIA_MIG_CONFIG_DEVICES needs a privileged container/],
    [{ NVIDIA_MIG_MONITOR_DEVICES: "all" }, ["CAP_MKNOD"], /NVIDIA_MIG_MONITOR_DEVICES needs a privileged container/],
    [{ NVIDIA_MIG_CONFIG_DEVICES: "0" }, ["CAP_SYS_ADMIN"], /NVIDIA_MIG_CONFIG_DEVICES: only "all" can be given, not 0/],
  ])("does not start a container with %j and capabilities %j", async (env, bounding, reason) => {
    const { code, stderr } = await start(env, bounding);
    expect([code, stderr]).toEqual([1, expect.stringMatching(reason)]);
  });

  it("takes no host state from before a GPU was partitioned, and names what changed", async () => {
    expect((await start({})).stderr).toBe("");
    await mkdir(join(capabilities(), "gpu0/mig/gi7/ci0"), { recursive: true });
    expect((await start({})).stderr).toMatch(
      /is of other GPUs or partitions than now below .*nvidia\/capabilities; `berth gpu host-state`/,
    );
    await writeState(state());
    expect((await start({})).stderr).toBe("");
    await rm(join(capabilities(), "gpu0"), { recursive: true });
    expect((await start({})).code).toBe(1);
    await writeState(state());
  });

  it("says how a right's node is made that is missing, and gives nothing where the driver knows no MIG", async () => {
    await rm(join(machine.driverRoot, "dev/nvidia-caps/nvidia-cap1"));
    await writeState(state());
    const { stderr } = await start({ NVIDIA_MIG_CONFIG_DEVICES: "all" }, ["CAP_SYS_ADMIN"]);
    expect(stderr).toMatch(/the node of the MIG right "config" is missing; `nvidia-modprobe -f .*mig\/config` makes it/);
    await rm(capabilities(), { recursive: true });
    await writeState(state());
    expect((await start({ NVIDIA_MIG_CONFIG_DEVICES: "all" }, ["CAP_SYS_ADMIN"])).stderr).toBe("");
    expect((await injected()).plan.deviceNodes.filter(({ path }) => path.includes("caps"))).toEqual([]);
  });
});
