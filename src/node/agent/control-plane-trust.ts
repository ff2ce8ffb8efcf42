import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fetchAuthority, fingerprintOf } from "../../shared/certificates/index.ts";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import { writeFileDurably } from "../platform/index.ts";

export interface TrustSources {
  /** https://host:port */
  origin: string;
  /** Said by the operator; null without. */
  caFile: string | null;
  /** Where the CA of the join is kept. */
  stored: string;
  /** Of the join token; null without. */
  fingerprint: string | null;
}

/**
 * The CA (PEM) that the control plane must be of: the operator's file, the one known since the join, or the one whose fingerprint the
 * join token carries. Null when nothing is said: then the system's authorities count.
 * @throws BerthError certificate_invalid, control_plane_unavailable, missing_requirement
 */
export async function trustedAuthority(sources: TrustSources, signal: AbortSignal): Promise<string | null> {
  if (sources.caFile !== null) return readCaFile(sources.caFile);
  const stored = await readFile(sources.stored, "utf8").catch(() => null);
  // The token of a new join may be of another cluster than the one before.
  if (stored !== null && (sources.fingerprint === null || fingerprintOf(stored) === sources.fingerprint)) return stored;
  if (sources.fingerprint === null) return null;
  const ca = await fetchAuthority(sources.origin, sources.fingerprint, signal);
  await mkdir(dirname(sources.stored), { recursive: true, mode: 0o700 });
  await writeFileDurably(sources.stored, ca, { mode: 0o600 });
  return ca;
}

async function readCaFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new BerthError("missing_requirement", `cannot read the CA file ${path}: ${errorText(error)}`, { cause: error });
  });
}
