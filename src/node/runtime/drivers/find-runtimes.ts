import { findProgram, runProgram, SYSTEM_PATH } from "../../platform/index.ts";
import type { RuntimeCandidate } from "./select-runtime.ts";

const NAMES = ["crun", "runc"] as const;

/** The runtimes in the system's own folders, with their versions. */
export async function findRuntimes(folders: readonly string[] = SYSTEM_PATH.split(":")): Promise<RuntimeCandidate[]> {
  const found = await Promise.all(NAMES.map((name) => findOne(name, folders)));
  return found.filter((candidate) => candidate !== null);
}

async function findOne(name: (typeof NAMES)[number], folders: readonly string[]): Promise<RuntimeCandidate | null> {
  const path = await findProgram(name, folders);
  if (path === null) return null;
  const { stdout } = await runProgram(path, ["--version"], { timeoutMs: 5_000 });
  return { name, path, version: /version (\S+)/.exec(stdout)?.[1]?.replace(/\+.*$/, "") ?? "unknown" };
}
