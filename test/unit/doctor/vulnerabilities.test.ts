import { describe, expect, test } from "vitest";
import { parseVersionOutput } from "../../../src/node/platform/doctor/readers/read-tool.ts";
import { compareVersions, isAtLeast } from "../../../src/node/platform/doctor/versions.ts";
import { vulnerabilitiesOf } from "../../../src/node/platform/doctor/vulnerabilities.ts";

function cvesOf(tool: "runc" | "crun" | "redis-server", version: string, patched: string[] = []): string[] {
  return vulnerabilitiesOf(tool, { path: "/x", version, packageVersion: null, patched }).flatMap(({ cves }) => cves);
}

test("versions are ordered by number, candidates before their release, the packager's part aside", () => {
  const ordered = ["1.0.0-rc95", "1.0.0", "1.1.5+ds1", "1.1.12", "1.4.0-rc.2", "1.4.0-rc.3", "1.4.0"];
  expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
  expect(compareVersions("1.1.5", "1.1.5+ds1")).toBe(0);
  expect(isAtLeast("6.1.0-18-amd64", "5.11")).toBe(true);
  expect(isAtLeast("v20.17.0", "20.17.0")).toBe(true);
});

describe("a fix counts for its line of releases and for everything after the last one", () => {
  const november = "CVE-2025-31133";
  test.each([
    ["1.1.15", true],
    ["1.2.7", true],
    ["1.2.8", false],
    ["1.3.2", true],
    ["1.3.3", false],
    ["1.4.0-rc.2", true],
    ["1.4.0-rc.3", false],
    ["1.5.0", false],
  ])("runc %s has the holes of November 2025: %s", (version, has) => {
    expect(cvesOf("runc", version).includes(november)).toBe(has);
  });
  test("a hole begins somewhere too", () => {
    expect(cvesOf("redis-server", "7.0.15")).not.toContain("CVE-2026-23479");
    expect(cvesOf("redis-server", "8.0.4")).toContain("CVE-2026-23479");
    expect(cvesOf("redis-server", "8.6.3")).toEqual([]);
  });
});

test("a hole is closed only when the changelog names all of it", () => {
  const all = ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"];
  expect(cvesOf("runc", "1.1.15", all)).not.toContain("CVE-2025-31133");
  expect(cvesOf("runc", "1.1.15", all.slice(0, 2))).toContain("CVE-2025-52881");
});

test("a tool of unknown version is not accused", () => {
  expect(vulnerabilitiesOf("runc", { path: "/x", version: null, packageVersion: null, patched: [] })).toEqual([]);
});

test.each([
  ["runc version 1.1.5+ds1\ncommit: x\nspec: 1.0.2-dev", "1.1.5"],
  ["runc version 1.4.0-rc.3", "1.4.0-rc.3"],
  ["crun version 1.8.1\ncommit: f8a", "1.8.1"],
  ["crun version 1.21", "1.21"],
  ["conmon version 2.1.6\ncommit: unknown", "2.1.6"],
  ["Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", "7.0.15"],
  ["mmdebstrap 1.3.5", "1.3.5"],
  ["iptables v1.8.9 (nf_tables)", "1.8.9"],
  ["ip utility, iproute2-6.1.0, libbpf 1.1.0", "6.1.0"],
  ["no number here", null],
])("the version in %j is %s", (output, version) => {
  expect(parseVersionOutput(output)).toBe(version);
});
