import { quarantineBlob } from "../content/quarantine.ts";
import type { StorePaths } from "../paths.ts";
import { checkBlob } from "./check-blob.ts";
import { type Throttle, UNTHROTTLED } from "./throttle.ts";

/** Hashes blobs and moves away those that cannot be read or are not what their digest says. Returns their digests. */
export async function quarantineDamaged(paths: StorePaths, digests: Iterable<string>, signal: AbortSignal): Promise<string[]> {
  const damaged: string[] = [];
  for (const digest of new Set(digests)) {
    if ((await quarantineIfDamaged(paths, digest, UNTHROTTLED, signal)).quarantined) damaged.push(digest);
  }
  return damaged;
}

/** `sizeBytes` is null for a blob that is missing: there is nothing to move. */
export async function quarantineIfDamaged(
  paths: StorePaths,
  digest: string,
  throttle: Throttle,
  signal: AbortSignal,
): Promise<{ sizeBytes: number | null; quarantined: boolean }> {
  const { sizeBytes, problem } = await checkBlob(paths, { digest, size: null }, throttle, signal);
  const quarantined = problem !== null && problem !== "missing";
  if (quarantined) await quarantineBlob(paths, digest);
  return { sizeBytes, quarantined };
}
