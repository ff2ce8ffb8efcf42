import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processMarker } from "./process-marker.ts";
import { RUN_PREFIX, removeRunFolder, sweepLeftovers } from "./sweep-leftovers.ts";

/**
 * Vitest's global set-up: every run has a temporary folder of its own, named after its process, so that the next run can take
 * away what a killed one left there.
 */
export async function setup(): Promise<() => Promise<void>> {
  const base = tmpdir();
  const taken = await sweepLeftovers(base);
  if (taken.length > 0) console.log(`left by test runs that were killed, now gone: ${taken.join(", ")}`);
  const folder = join(base, `${RUN_PREFIX}-${await processMarker(process.pid)}`);
  // Others look into it: containers of tests run as other users.
  await mkdir(folder, { mode: 0o755 });
  process.env.TMPDIR = folder;
  return async () => {
    process.env.TMPDIR = base;
    await removeRunFolder(folder);
  };
}
