import { describe, expect, it } from "vitest";
import { convertProfile, loadSeccomp, type SeccompProfile, tighten } from "../../../src/node/runtime/index.ts";

const PROFILE: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
  syscalls: [
    { names: ["read", "mount"], action: "SCMP_ACT_ALLOW", args: [], includes: {}, excludes: {} },
    { names: ["setns"], action: "SCMP_ACT_ALLOW", args: null, includes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["setns"], action: "SCMP_ACT_ERRNO", errnoRet: 1, excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["sync_file_range2"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm64"] } },
    { names: ["arch_prctl"], action: "SCMP_ACT_ALLOW", includes: { arches: ["amd64", "x32"] } },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
    { names: ["future"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "99.0" } },
    { names: ["personality"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 8, valueTwo: 0, op: "SCMP_CMP_EQ" }] },
  ],
};
const TARGET = { architecture: "x64", capabilities: [], kernel: [6, 1] as const };

describe("converting a containers-common profile", () => {
  const names = (target = TARGET) =>
    convertProfile(PROFILE, target).syscalls.flatMap((rule) => rule.names.map((name) => `${name} ${rule.action}`));

  it("keeps the rules of this architecture, kernel and capability set only", () => {
    expect(names()).toEqual([
      "read SCMP_ACT_ALLOW",
      "mount SCMP_ACT_ALLOW",
      "setns SCMP_ACT_ERRNO",
      "arch_prctl SCMP_ACT_ALLOW",
      "ptrace SCMP_ACT_ALLOW",
      "personality SCMP_ACT_ALLOW",
    ]);
  });

  it("turns conditions on capabilities around with the capability", () => {
    expect(names({ ...TARGET, capabilities: ["CAP_SYS_ADMIN"] as never })).toContain("setns SCMP_ACT_ALLOW");
  });

  it("writes nothing but what the OCI spec knows", () => {
    const converted = convertProfile(PROFILE, TARGET);
    expect(Object.keys(converted).sort()).toEqual(["architectures", "defaultAction", "defaultErrnoRet", "syscalls"]);
    for (const rule of converted.syscalls) {
      expect(["names", "action", "errnoRet", "args"]).toEqual(expect.arrayContaining(Object.keys(rule)));
    }
    expect(converted.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
  });

  it("says so on an architecture without a profile", () => {
    expect(() => convertProfile(PROFILE, { ...TARGET, architecture: "mips" })).toThrow(/mips/);
  });
});

describe("the machine's own profile", () => {
  it("allows no call of an administrator, and clone without namespaces only", async () => {
    const { syscalls } = await loadSeccomp([]);
    const allowed = syscalls.filter((rule) => rule.action === "SCMP_ACT_ALLOW");
    for (const name of ["mount", "unshare", "setns", "bpf", "perf_event_open", "clone3"]) {
      expect(allowed.filter((rule) => rule.names.includes(name))).toEqual([]);
    }
    const clone = allowed.filter((rule) => rule.names.includes("clone"));
    expect(clone).toEqual([expect.objectContaining({ args: [expect.objectContaining({ op: "SCMP_CMP_MASKED_EQ", value: 0x7e020000 })] })]);
    expect(allowed.flatMap((rule) => rule.names).length).toBeGreaterThan(300);
  });

  it("keeps its calls for a container with CAP_SYS_ADMIN", () => {
    const converted = convertProfile(PROFILE, TARGET);
    expect(tighten(converted, ["CAP_SYS_ADMIN"]).syscalls).toEqual(converted.syscalls);
  });

  it("knows the native system call table only", async () => {
    expect((await loadSeccomp([])).architectures).toHaveLength(1);
  });

  it("must be there", async () => {
    await expect(loadSeccomp([], ["/nowhere/seccomp.json"])).rejects.toMatchObject({ code: "missing_requirement" });
  });
});
