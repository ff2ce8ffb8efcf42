import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BerthError, ERRORS, type ErrorCode, errorText } from "../../shared/domain/index.ts";
import type { BerthPaths } from "./berth-paths.ts";
import { makePrivateFolder } from "./private-folder.ts";

const BERTH = fileURLToPath(new URL("../../../bin/berth.mjs", import.meta.url));

/** Marks the process that a detaching `berth up` started; hidden from the help. */
export const REPORT_OPTION = "--report-to-parent";

type Report = { kind: "ready" } | { kind: "failed"; code: string; message: string; hint: string };

/** Tells the process that started this one in the background how the start went, and lets go of it. */
export function reportToParent(outcome: "ready" | { failed: unknown }): void {
  if (!process.send || !process.connected) return;
  process.send(outcome === "ready" ? ({ kind: "ready" } satisfies Report) : failedReport(outcome.failed), () => process.disconnect());
}

function failedReport(error: unknown): Report {
  const known = error instanceof BerthError;
  const hint = known ? String(error.details?.["hint"] ?? error.hint) : "";
  return { kind: "failed", code: known ? error.code : "internal", message: errorText(error), hint };
}

/**
 * Starts `berth up` in the background, in a session of its own, and resolves with its pid when it is ready.
 * @throws BerthError what kept it from starting
 */
export async function startDetached(paths: BerthPaths, args: readonly string[]): Promise<number> {
  await makePrivateFolder(paths.logDir);
  const logFile = join(paths.logDir, "up.log");
  const log = await open(logFile, "a", 0o600);
  try {
    const child = spawn(process.execPath, [BERTH, ...args, REPORT_OPTION], { detached: true, stdio: ["ignore", log.fd, log.fd, "ipc"] });
    const report = await new Promise<Report>((resolve, reject) => {
      child.once("message", (message) => resolve(message as Report));
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        resolve({
          kind: "failed",
          code: "missing_requirement",
          message: `berth up ended (${signal ?? `exit code ${code}`})`,
          hint: `its log is ${logFile}`,
        }),
      );
    });
    if (report.kind === "failed") throw reportedError(report);
    child.disconnect();
    child.unref();
    return child.pid ?? 0;
  } finally {
    await log.close();
  }
}

function reportedError(report: Extract<Report, { kind: "failed" }>): BerthError {
  const code = Object.hasOwn(ERRORS, report.code) ? (report.code as ErrorCode) : "internal";
  return new BerthError(code, report.message, report.hint === "" ? {} : { details: { hint: report.hint } });
}
