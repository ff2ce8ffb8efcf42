import { type Check, judgeMachine, readMachine } from "../../node/platform/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import type { BerthPaths } from "./berth-paths.ts";

/**
 * Refuses to start on a machine that cannot work, before anything on it is changed.
 * @throws BerthError missing_requirement with every failed check and its fix
 */
export async function preflight(paths: BerthPaths, needsRedis: boolean): Promise<void> {
  const checks = judgeMachine(await readMachine(paths.dataDir, null));
  const failed = checks.filter((check) => check.level === "fail" && (needsRedis || check.id !== "redis-server"));
  if (failed.length > 0) throw preflightError(failed);
}

function preflightError(failed: readonly Check[]): BerthError {
  const lines = failed.map((check) => `  ${check.title}: ${check.found}: ${check.meaning}`);
  const fixes = failed.map((check) => `  ${check.fix}`);
  return new BerthError("missing_requirement", ["this machine cannot run Berth:", ...lines].join("\n"), {
    details: { hint: ["nothing was changed; put it right with", ...new Set(fixes)].join("\n") },
  });
}
