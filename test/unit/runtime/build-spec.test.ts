import { describe, expect, it } from "vitest";
import { buildSpec, type SpecInput } from "../../../src/node/runtime/index.ts";

const ALL = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_MKNOD"];

function input(overrides: Partial<SpecInput> = {}): SpecInput {
  return {
    id: "job-1-1-0",
    rootfs: "/rootfs",
    hostname: "h",
    cgroupsPath: "/berth/abc/job-1-1-0",
    process: { image: { entrypoint: ["/x"], cmd: [], env: [], workingDir: "" }, command: null, args: null, env: {}, workdir: null },
    user: { uid: 5, gid: 6, additionalGids: [7], home: null },
    agent: { capabilities: ALL, rlimits: { nofile: 20_000, memlock: Number.POSITIVE_INFINITY, nproc: 100, core: 0 } },
    seccomp: null,
    network: { kind: "private" },
    mounts: [],
    identityFiles: null,
    shmBytes: null,
    resources: { cpuMillis: null, memoryBytes: null, pidsLimit: 10, swapAccounting: true, deviceRules: [] },
    prestartHooks: [],
    hostMaskedPaths: [],
    readonlyRootfs: false,
    ...overrides,
  };
}

const resources = (overrides: Partial<SpecInput["resources"]>) => ({ ...input().resources, ...overrides });
const shm = (overrides: Partial<SpecInput>) =>
  buildSpec(input(overrides)).mounts.find(({ destination }) => destination === "/dev/shm")?.options;

describe("capabilities", () => {
  it("are the default set less what the agent does not hold, and never more", () => {
    const { capabilities } = buildSpec(input()).process;
    expect(capabilities.bounding).toEqual(["CAP_CHOWN", "CAP_KILL"]);
    expect(capabilities.effective).toEqual(capabilities.bounding);
    expect([...capabilities.inheritable, ...capabilities.ambient]).toEqual([]);
  });
});

describe("user namespaces", () => {
  const idMapping = { uid: 100_000, gid: 200_000, count: 65_536 };
  const sys = (overrides: Partial<SpecInput>) => buildSpec(input(overrides)).mounts.find(({ destination }) => destination === "/sys")?.type;

  it("are asked for with ids only", () => {
    const types = (overrides: Partial<SpecInput>) => buildSpec(input(overrides)).linux.namespaces.map(({ type }) => type);
    expect(types({})).not.toContain("user");
    expect(types({ idMapping: null })).not.toContain("user");
    expect(types({ idMapping })).toContain("user");
    const { uidMappings, gidMappings } = buildSpec(input({ idMapping })).linux;
    expect([uidMappings, gidMappings]).toEqual([
      [{ containerID: 0, hostID: 100_000, size: 65_536 }],
      [{ containerID: 0, hostID: 200_000, size: 65_536 }],
    ]);
  });

  it("show the host's /sys where the network is not theirs: the kernel would refuse a sysfs", () => {
    expect([sys({}), sys({ idMapping }), sys({ network: { kind: "host" } })]).toEqual(["sysfs", "sysfs", "sysfs"]);
    expect([sys({ idMapping, network: { kind: "host" } }), sys({ idMapping, network: { kind: "join", path: "/n" } })]).toEqual([
      "bind",
      "bind",
    ]);
  });
});

describe("limits", () => {
  it("ask for no more than the agent's own", () => {
    const { rlimits } = buildSpec(input()).process;
    expect(rlimits).toContainEqual({ type: "RLIMIT_NOFILE", soft: 20_000, hard: 20_000 });
    expect(rlimits).toContainEqual({ type: "RLIMIT_CORE", soft: 0, hard: 0 });
    // "Infinity" is no JSON number: runtimes would not read the file.
    expect(JSON.stringify(rlimits)).not.toContain("null");
  });

  it("forbid swap together with memory where the kernel accounts it", () => {
    const limited = (swapAccounting: boolean) =>
      buildSpec(input({ resources: resources({ memoryBytes: 1000, swapAccounting }) })).linux.resources.memory;
    expect(limited(true)).toEqual({ limit: 1000, swap: 1000 });
    expect(limited(false)).toEqual({ limit: 1000 });
  });

  it.each([
    [500, { shares: 512, quota: 50_000, period: 100_000 }],
    [4000, { shares: 4096, quota: 400_000, period: 100_000 }],
    [1, { shares: 2, quota: 1000, period: 100_000 }],
  ])("turn %i CPU millis into shares and quota", (cpuMillis, expected) => {
    expect(buildSpec(input({ resources: resources({ cpuMillis }) })).linux.resources.cpu).toEqual(expected);
  });

  it("deny every device first and allow the given ones last", () => {
    const gpu = { allow: true, type: "c", major: 195, minor: 0, access: "rw" } as const;
    const { devices } = buildSpec(input({ resources: resources({ deviceRules: [gpu] }) })).linux.resources;
    expect(devices[0]).toEqual({ allow: false, access: "rwm" });
    expect(devices.at(-1)).toEqual(gpu);
  });

  it("make /dev/shm as asked, else as large as the memory, else 64 MiB", () => {
    expect(shm({ shmBytes: 5, resources: resources({ memoryBytes: 9 }) })).toContain("size=5");
    expect(shm({ resources: resources({ memoryBytes: 9 }) })).toContain("size=9");
    expect(shm({})).toContain("size=67108864");
  });
});

describe("isolation", () => {
  it("has no network namespace with the host's network, its own without, and joins a prepared one", () => {
    const network = (kind: SpecInput["network"]) =>
      buildSpec(input({ network: kind })).linux.namespaces.filter(({ type }) => type === "network");
    expect(network({ kind: "host" })).toEqual([]);
    expect(network({ kind: "private" })).toEqual([{ type: "network" }]);
    expect(network({ kind: "join", path: "/n" })).toEqual([{ type: "network", path: "/n" }]);
  });

  it("sets no new privileges, masks the kernel's tellers and is the first to go when the machine is out of memory", () => {
    const spec = buildSpec(input({ hostMaskedPaths: ["/sys/devices/system/cpu/cpu0/thermal_throttle"] }));
    expect(spec.process).toMatchObject({ noNewPrivileges: true, oomScoreAdj: 500, terminal: false });
    expect(spec.linux.maskedPaths).toEqual(
      expect.arrayContaining(["/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/devices/system/cpu/cpu0/thermal_throttle"]),
    );
    expect(spec.linux.readonlyPaths).toContain("/proc/sys");
  });

  it("never follows set-user-id files or device nodes of a mount", () => {
    const spec = buildSpec(input({ mounts: [{ source: "/s", target: "/t", readOnly: true }] }));
    expect(spec.mounts.at(-1)).toEqual({
      destination: "/t",
      type: "bind",
      source: "/s",
      options: ["rbind", "rprivate", "nosuid", "nodev", "ro"],
    });
  });

  it("takes no annotation but its own", () => {
    expect(buildSpec(input()).annotations).toEqual({ "dev.berth.container": "job-1-1-0" });
  });
});
