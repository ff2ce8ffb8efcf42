import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type Check, judgeMachine, type MachineFacts } from "../../../src/node/platform/index.ts";
import { DEBIAN_12, DEBIAN_13, UBUNTU_22_04, UBUNTU_24_04 } from "./machines.ts";

function judge(facts: MachineFacts, changes: Partial<MachineFacts> = {}): Check[] {
  return judgeMachine({ ...facts, ...changes });
}

function check(checks: Check[], id: string): Check {
  const found = checks.find((candidate) => candidate.id === id);
  if (!found) throw new Error(`no check ${id}`);
  return found;
}

test("the oldest Node.js that is well is the one that package.json asks for", async () => {
  const { engines } = JSON.parse(await readFile("package.json", "utf8")) as { engines: { node: string } };
  const least = engines.node.replace(">=", "");
  const [major, minor, patch] = least.split(".").map(Number) as [number, number, number];
  const level = (version: string) => check(judge(DEBIAN_12, { nodeVersion: `v${version}` }), "node").level;
  expect([level(least), level(`${major}.${minor}.${patch - 1}`)]).toEqual(["ok", "fail"]);
});

function withoutTool(facts: MachineFacts, ...names: (keyof MachineFacts["tools"])[]): MachineFacts {
  const missing = { path: null, version: null, packageVersion: null, patched: [] };
  return { ...facts, tools: { ...facts.tools, ...Object.fromEntries(names.map((name) => [name, missing])) } };
}

test.each([
  ["Debian 12", DEBIAN_12],
  ["Debian 13", DEBIAN_13],
  ["Ubuntu 22.04", UBUNTU_22_04],
  ["Ubuntu 24.04", UBUNTU_24_04],
])("a fresh %s with the packages has no failure", (_name, facts) => {
  expect(judge(facts).filter(({ level }) => level === "fail")).toEqual([]);
});

test("everything that is not well says what it means; a failure says what to do", () => {
  const broken = withoutTool(
    { ...DEBIAN_12, cgroups: { mode: null, controllers: [] }, userId: 1000, kernel: "4.19.0" },
    "runc",
    "crun",
    "conmon",
    "redis-server",
    "mmdebstrap",
  );
  const checks = judge(broken).filter(({ level }) => level !== "ok");
  expect(checks.length).toBeGreaterThan(5);
  for (const { id, level, meaning, fix } of checks) {
    expect(meaning, id).not.toBeNull();
    if (level === "fail") expect(fix, id).not.toBeNull();
  }
});

describe("runtimes", () => {
  test("one is enough, none is a failure that names the packages", () => {
    expect(check(judge(withoutTool(DEBIAN_12, "crun")), "crun").level).toBe("warn");
    const none = check(judge(withoutTool(DEBIAN_12, "crun", "runc")), "runtime");
    expect(none).toMatchObject({ level: "fail", fix: "apt-get install -y --no-install-recommends crun runc" });
  });
  test("a runc with known holes is flagged with their numbers", () => {
    const { level, meaning } = check(judge(DEBIAN_12), "runc");
    expect(level).toBe("warn");
    expect(meaning).toContain("CVE-2025-31133");
  });
  test("what the distribution's changelog names is fixed", () => {
    expect(check(judge(DEBIAN_12), "runc").meaning).not.toContain("CVE-2024-21626");
  });
  test("where there is no apt the fix is in words", () => {
    const fedora = withoutTool({ ...DEBIAN_12, os: { id: "fedora", versionId: "42", name: "Fedora" } }, "conmon");
    expect(check(judge(fedora), "conmon").fix).toBe("install with your package manager: conmon");
  });
});

describe("cgroups", () => {
  test("all three layouts are fine with their controllers", () => {
    const v1 = ["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"];
    expect(check(judge(DEBIAN_12, { cgroups: { mode: "hybrid", controllers: v1 } }), "cgroups").level).toBe("ok");
    expect(check(judge(DEBIAN_12, { cgroups: { mode: "v1", controllers: v1 } }), "cgroups").level).toBe("ok");
    expect(check(judge(DEBIAN_12), "cgroups").level).toBe("ok");
  });
  test("without the memory controller, as on a Raspberry Pi, limits would not hold", () => {
    const found = check(judge(DEBIAN_12, { cgroups: { mode: "v2", controllers: ["cpu", "cpuset", "io", "pids"] } }), "cgroups");
    expect(found.level).toBe("fail");
    expect(found.fix).toContain("cgroup_enable=memory");
  });
});

describe("storage", () => {
  test("a failing overlay mount tells the kernel's message; it keeps nobody from starting, images are copied then", () => {
    const overlay = { inKernel: true, mount: { ok: false, message: "mount: permission denied" } };
    expect(check(judge(DEBIAN_12, { overlay }), "overlayfs")).toMatchObject({
      level: "warn",
      found: "a test mount fails: mount: permission denied",
      meaning: expect.stringContaining("vfs"),
    });
    expect(check(judge(DEBIAN_12, { overlay: { inKernel: false, mount: null } }), "overlayfs").level).toBe("warn");
  });
  test.each([
    [{ fsType: "nfs4" }, "fail"],
    [{ fsType: "overlay" }, "fail"],
    [{ directoryTypes: false }, "fail"],
    [{ trustedXattrs: false }, "fail"],
    [{ freeBytes: 5 * 2 ** 20 }, "fail"],
    // Only a node that runs can be told to free its images.
    [{ freeBytes: 5 * 2 ** 20, inUse: true }, "warn"],
    [{ freeBytes: 5 * 2 ** 30 }, "warn"],
    [{ freeInodes: 10 }, "warn"],
    [{ fsType: "tmpfs" }, "warn"],
    [{ fsType: "xfs", directoryTypes: null, trustedXattrs: null, freeInodes: null }, "ok"],
  ])("a disk with %j is %s", (changes, level) => {
    expect(check(judge(DEBIAN_12, { disk: { ...DEBIAN_12.disk, ...changes } }), "disk").level).toBe(level);
  });
});

describe("Redis", () => {
  const redis = {
    address: "x",
    version: "7.0.15",
    appendonly: "yes",
    appendfsync: "always",
    maxmemoryPolicy: "noeviction",
    lastWriteStatus: "ok",
  };
  test.each([
    [{}, "ok"],
    [{ appendfsync: "everysec" }, "warn"],
    [{ appendonly: "no" }, "fail"],
    [{ maxmemoryPolicy: "allkeys-lru" }, "fail"],
    [{ lastWriteStatus: "err" }, "fail"],
    [{ appendonly: null, appendfsync: null, maxmemoryPolicy: null, lastWriteStatus: null }, "ok"],
  ])("a running one with %j is %s", (changes, level) => {
    expect(check(judge(DEBIAN_12, { redis: { ...redis, ...changes } }), "redis").level).toBe(level);
  });
  test("one that does not run is not judged", () => {
    expect(judge(DEBIAN_12).some(({ id }) => id === "redis")).toBe(false);
  });
  test("Ubuntu 22.04's old server works, with a word about it", () => {
    expect(check(judge(UBUNTU_22_04), "redis-server").level).toBe("warn");
  });
});

describe("GPUs", () => {
  const none = { pciDevices: 0, deviceNodes: 0, kernelDriver: null, nvml: null };
  test.each([
    ["no GPU", none, "ok"],
    ["a working driver", { pciDevices: 8, deviceNodes: 8, kernelDriver: "550.1", nvml: { driverVersion: "550.1", gpus: 8 } }, "ok"],
    ["a GPU without driver", { ...none, pciDevices: 1 }, "warn"],
    ["a driver without its userland", { pciDevices: 1, deviceNodes: 1, kernelDriver: "550.1", nvml: null }, "warn"],
    [
      "versions that do not fit",
      { pciDevices: 1, deviceNodes: 1, kernelDriver: "550.1", nvml: { error: "Driver/library version mismatch" } },
      "warn",
    ],
    [
      "a driver that shows none of them",
      { pciDevices: 2, deviceNodes: 0, kernelDriver: "550.1", nvml: { driverVersion: "550.1", gpus: 0 } },
      "warn",
    ],
  ])("%s", (_name, gpu, level) => {
    expect(check(judge(DEBIAN_12, { gpu }), "gpu").level).toBe(level);
  });
});

describe("the host", () => {
  test("an old kernel, an old Node and a plain user fail", () => {
    expect(check(judge(DEBIAN_12, { kernel: "5.10.0-30-amd64" }), "kernel").level).toBe("fail");
    expect(check(judge(DEBIAN_12, { kernel: "5.11.0" }), "kernel").level).toBe("ok");
    expect(check(judge(DEBIAN_12, { nodeVersion: "v18.19.0" }), "node").level).toBe("fail");
    expect(check(judge(DEBIAN_12, { userId: 1000 }), "root")).toMatchObject({ level: "fail", fix: "run it with sudo" });
  });
  test("missing capabilities are named; missing CAP_SYS_RESOURCE only limits", () => {
    const capabilities = DEBIAN_12.privileges.capabilities.filter((name) => name !== "CAP_SYS_ADMIN");
    expect(check(judge(DEBIAN_12, { privileges: { capabilities, openFiles: 65536 } }), "privileges")).toMatchObject({
      level: "fail",
      found: "no CAP_SYS_ADMIN",
    });
    const noResource = DEBIAN_12.privileges.capabilities.filter((name) => name !== "CAP_SYS_RESOURCE");
    expect(check(judge(DEBIAN_12, { privileges: { capabilities: noResource, openFiles: 65536 } }), "privileges").level).toBe("warn");
  });
  test("containers without a filter of system calls are not accepted", () => {
    expect(check(judge(DEBIAN_12, { seccomp: { kernel: true, profile: null } }), "seccomp").level).toBe("fail");
  });
  test("what is not built is named", () => {
    expect(check(judge(DEBIAN_12, { missingBuiltFiles: ["/x/berth.node"] }), "build")).toMatchObject({
      level: "fail",
      found: "missing: /x/berth.node",
    });
  });
});
