import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";

/**
 * Makes sure that a guard watches `leasesDir`: starts one unless one runs already. It outlives this process and ends by
 * itself some seconds after the last lease is removed. Write the lease first: every lease that exists when this
 * resolves is guarded. Its complaints are appended to `logFile`.
 * @throws BerthError internal when it does not start
 */
export async function startLeaseGuard(options: { program: string; leasesDir: string; logFile: string }): Promise<void> {
  const log = await open(options.logFile, "a", 0o600);
  try {
    const child = spawn(options.program, [options.leasesDir], { cwd: "/", env: {}, stdio: ["ignore", "ignore", log.fd], detached: true });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new BerthError("internal", `lease guard did not start, exit code ${code}: see ${options.logFile}`);
  } finally {
    await log.close();
  }
}
