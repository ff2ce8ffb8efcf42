import { BerthError } from "../../shared/domain/index.ts";
import {
  choosePlatform,
  type Descriptor,
  linuxArchitectures,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  parseReference,
  platformArchitecture,
  type RegistryClient,
  readSmallBlob,
} from "../../shared/oci/index.ts";

const MOST_CONFIG_BYTES = 1024 * 1024;

/**
 * What the name means now, the CPU architectures it is made for, and the environment that the image's config sets, from manifest and config alone.
 * Of an image for several architectures environment and layers are those of the one (OCI names; null is this machine's, else its first).
 * @throws BerthError image_not_found, image_invalid, digest_mismatch, registry_*, rate_limited
 */
export async function readImage(
  client: RegistryClient,
  name: string,
  architecture: string | null,
  signal: AbortSignal,
): Promise<{ digest: string; architectures: string[]; layers: Descriptor[]; env: Record<string, string> }> {
  const { repository, digest, tag } = parseReference(name);
  const first = await client.manifest(repository, digest ?? tag ?? "latest", signal);
  const offered = first.kind === "index" ? linuxArchitectures(first) : [];
  const platform = parsePlatform(`linux/${architecture ?? likeliest(offered)}`);
  const found = first.kind === "index" ? await client.manifest(repository, choosePlatform(first, platform), signal) : first;
  if (found.kind === "index") throw new BerthError("image_invalid", `${name} is an index within an index`);
  const manifest = parseManifest(found.bytes);
  const config = { repository, ...manifest.config };
  const bytes = await readSmallBlob(client, config, { what: "the image config", maxBytes: MOST_CONFIG_BYTES }, signal);
  const made = parseImageConfig(bytes);
  const lines = made.config.Env ?? [];
  const env = Object.fromEntries(lines.map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]));
  // Of an index its own digest: nodes of any architecture can pull by it.
  return { digest: first.digest, architectures: first.kind === "index" ? offered : [made.architecture], layers: manifest.layers, env };
}

function likeliest(offered: readonly string[]): string {
  const own = platformArchitecture();
  return offered.includes(own) ? own : (offered[0] ?? own);
}
