import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { findProgram } from "../../process/find-program.ts";
import { runProgram } from "../../process/run-program.ts";
import type { ToolFacts, ToolName } from "../machine-facts.ts";

const TIMEOUT_MS = 10_000;
const LARGEST_CHANGELOG_BYTES = 4 * 1024 * 1024;

const PACKAGES: Record<ToolName, string> = {
  runc: "runc",
  crun: "crun",
  conmon: "conmon",
  "redis-server": "redis-server",
  mmdebstrap: "mmdebstrap",
  iptables: "iptables",
  ip: "iproute2",
};

/** What is installed of one program: where, which version, which holes its distribution fixed. */
export async function readTool(name: ToolName): Promise<ToolFacts> {
  const path = await findProgram(name);
  if (path === null) return { path, version: null, packageVersion: null, patched: [] };
  const [version, packageVersion, patched] = await Promise.all([
    readVersion(path, name),
    readPackageVersion(PACKAGES[name]),
    readPatched(PACKAGES[name]),
  ]);
  return { path, version, packageVersion, patched };
}

async function readVersion(path: string, name: ToolName): Promise<string | null> {
  const { stdout, stderr } = await runProgram(path, [name === "ip" ? "-V" : "--version"], { timeoutMs: TIMEOUT_MS });
  return parseVersionOutput(stdout || stderr);
}

/** "crun version 1.8.1", "Redis server v=7.0.15 sha=...", "runc version 1.1.5+ds1" -> "1.8.1", ... */
export function parseVersionOutput(output: string): string | null {
  return /(?:version |v=?|iproute2-|^\S+ )(\d+(?:\.\d+)+(?:[-~]rc\.?\d+)?)/m.exec(output)?.[1] ?? null;
}

async function readPackageVersion(name: string): Promise<string | null> {
  const dpkg = await findProgram("dpkg-query");
  if (dpkg === null) return null;
  const { code, stdout } = await runProgram(dpkg, ["-W", `-f=\${db:Status-Status} \${Version}`, name], { timeoutMs: TIMEOUT_MS });
  const [status, version] = stdout.trim().split(" ");
  return code === 0 && status === "installed" && version !== undefined ? version : null;
}

async function readPatched(name: string): Promise<string[]> {
  for (const file of ["changelog.Debian.gz", "changelog.gz"]) {
    const compressed = await readFile(`/usr/share/doc/${name}/${file}`).catch(() => null);
    if (compressed === null) continue;
    const text = (await promisify(gunzip)(compressed, { maxOutputLength: LARGEST_CHANGELOG_BYTES })).toString("utf8");
    return [...new Set(text.match(/CVE-\d{4}-\d{4,}/g) ?? [])].sort();
  }
  return [];
}
