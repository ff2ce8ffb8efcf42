import type { ToolFacts, ToolName } from "./machine-facts.ts";
import { compareVersions, releaseLine } from "./versions.ts";

export interface Vulnerability {
  tool: ToolName;
  cves: readonly string[];
  /** First version that has it; absent: all before the fix. */
  since?: string;
  /** First fixed version of each line of releases. */
  fixed: readonly string[];
  what: string;
}

/** Known holes in what runs beneath Berth. Facts, not judgement: a distribution may have fixed them in an older version. */
const VULNERABILITIES: readonly Vulnerability[] = [
  { tool: "runc", cves: ["CVE-2019-5736"], fixed: ["1.0.0-rc7"], what: "a container can overwrite runc itself" },
  { tool: "runc", cves: ["CVE-2021-30465"], fixed: ["1.0.0-rc95"], what: "a mount race lets a container reach the host's files" },
  { tool: "runc", cves: ["CVE-2022-29162"], fixed: ["1.1.2"], what: "containers start with inheritable capabilities" },
  {
    tool: "runc",
    cves: ["CVE-2023-27561", "CVE-2023-28642"],
    fixed: ["1.1.5"],
    what: "/proc masking can be avoided by links in the image",
  },
  { tool: "runc", cves: ["CVE-2024-21626"], fixed: ["1.1.12"], what: "a leaked file descriptor lets an image reach the host's files" },
  { tool: "runc", cves: ["CVE-2024-45310"], fixed: ["1.1.14", "1.2.0-rc.3"], what: "a race can make empty files on the host" },
  {
    tool: "runc",
    cves: ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"],
    fixed: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    what: "masked paths and /dev/console can be redirected to the host's /proc",
  },
  {
    tool: "runc",
    cves: ["CVE-2026-41579"],
    fixed: ["1.3.6", "1.4.3", "1.5.0-rc.3"],
    what: "an image whose /dev is a link redirects mounts",
  },
  { tool: "crun", cves: ["CVE-2022-27650"], fixed: ["1.4.4"], what: "containers start with inheritable capabilities" },
  {
    tool: "redis-server",
    cves: ["CVE-2025-49844", "CVE-2025-46817", "CVE-2025-46818", "CVE-2025-46819"],
    fixed: ["6.2.20", "7.2.11", "7.4.6", "8.0.4", "8.2.2"],
    what: "a Lua script can run code in the server; Berth's private Redis takes scripts from the control plane only",
  },
  {
    tool: "redis-server",
    cves: ["CVE-2026-23479"],
    since: "7.2.0",
    fixed: ["8.6.3"],
    what: "use after free where maxmemory-clients is set, which Berth never does",
  },
];

/** Those that hit an installed tool and that its distribution's changelog does not name as fixed. */
export function vulnerabilitiesOf(name: ToolName, tool: ToolFacts): Vulnerability[] {
  const version = tool.version;
  if (version === null) return [];
  const patched = new Set(tool.patched);
  return VULNERABILITIES.filter(
    (entry) => entry.tool === name && isAffected(version, entry) && entry.cves.some((cve) => !patched.has(cve)),
  );
}

function isAffected(version: string, entry: Vulnerability): boolean {
  if (entry.since !== undefined && compareVersions(version, entry.since) < 0) return false;
  const last = entry.fixed.reduce((highest, fixed) => (compareVersions(fixed, highest) > 0 ? fixed : highest), "0");
  if (compareVersions(version, last) >= 0) return false;
  return !entry.fixed.some((fixed) => releaseLine(fixed) === releaseLine(version) && compareVersions(version, fixed) >= 0);
}
