import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { writeFileAtomically } from "../../../shared/files/index.ts";
import type { Native } from "../native.ts";

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

const RETIRE_FILE = ".retire";

/**
 * Ends the guard of `leasesDir` now instead of some seconds later, when no lease is left: a machine that stops Berth is to be
 * clean. A guard that still has leases stays. Resolves once it is gone, or after a second.
 */
export async function retireLeaseGuard(options: { leasesDir: string; native: Pick<Native, "tryLock">; clock: Clock }): Promise<void> {
  const request = join(options.leasesDir, RETIRE_FILE);
  await writeFileAtomically(request, "");
  const folder = await open(options.leasesDir, "r");
  try {
    const deadline = options.clock.monotonic() + 1000;
    while (!options.native.tryLock(folder.fd) && options.clock.monotonic() < deadline) await options.clock.sleep(5);
  } finally {
    await folder.close();
    await rm(request, { force: true });
  }
}
