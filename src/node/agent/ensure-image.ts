import { BerthError, isBerthError, type PullPolicy } from "../../shared/domain/index.ts";
import { namesRegistry, parseReference, type RegistryAccess } from "../../shared/oci/index.ts";
import type { Image, ImageStore, Progress, TrustGate } from "../images/index.ts";

/**
 * Gives an image with all its layers unpacked. Without a policy the tag decides.
 * @throws BerthError image_not_found, image_untrusted, registry_*, layer_invalid, digest_mismatch
 */
export type EnsureImage = (reference: string, progress: Progress, signal: AbortSignal, policy?: PullPolicy) => Promise<Image>;

interface Ports {
  images: Pick<ImageStore, "get" | "has" | "unpack" | "pull" | "quarantine">;
  registries: Pick<RegistryAccess, "clientFor">;
  /** What may run; everything when left out. */
  trust?: Pick<TrustGate, "admitImage">;
}

/**
 * With `missing` an image that is here is used as it is, whatever its tag means elsewhere by now; one that is not is pulled
 * when its name says from which registry: a short name is this node's own, and never asked for elsewhere. With `always` the
 * registry says what the tag is now, and when it cannot be asked nothing starts. One whose blobs turn out damaged is fetched
 * again by its digest, never run. What is here is asked of the trust policy at each start, what comes when it is pulled; the
 * digest that was admitted is the one that runs.
 */
export function createEnsureImage(ports: Ports): EnsureImage {
  return async (reference, progress, signal, policy = policyOf(reference)) => {
    const image = await wanted(ports, reference, policy, progress, signal);
    if (image === null) return pull(ports, reference, progress, signal);
    try {
      await ports.images.unpack(image, progress, signal);
      return image;
    } catch (error) {
      if (policy === "never" || !isDamage(error) || !(await repair(ports, reference, image, progress, signal))) throw error;
      return image;
    }
  };
}

/** As Kubernetes: a tag that is meant to move is looked up each time. A digest, or an image of this node, is what it is. */
function policyOf(reference: string): PullPolicy {
  if (!namesRegistry(reference)) return "missing";
  const { tag, digest } = parseReference(reference);
  return digest === null && tag === "latest" ? "always" : "missing";
}

/** Null when it is to be pulled. */
async function wanted(ports: Ports, reference: string, policy: PullPolicy, progress: Progress, signal: AbortSignal): Promise<Image | null> {
  if (policy === "always") {
    if (namesRegistry(reference)) return pull(ports, reference, progress, signal);
    throw new BerthError("invalid_reference", `${JSON.stringify(reference)} names no registry that could be asked always`);
  }
  const image = policy === "never" ? await ports.images.get(reference) : await present(ports, reference);
  if (image !== null) await ports.trust?.admitImage(reference, image, signal);
  return image;
}

/** Null when it is missing, or its manifest or config is damaged, and it may be pulled. */
async function present({ images }: Ports, reference: string): Promise<Image | null> {
  try {
    return await images.get(reference);
  } catch (error) {
    if ((isBerthError(error, "image_not_found") || isDamage(error)) && namesRegistry(reference)) return null;
    throw error;
  }
}

async function pull({ images, registries }: Ports, reference: string, progress: Progress, signal: AbortSignal): Promise<Image> {
  const client = await registries.clientFor(reference, null);
  return images.pull({ reference, platform: null, client }, progress, signal);
}

/**
 * True when blobs were damaged, or in quarantine already, and were fetched again: from the registry of the name that was asked for
 * first, since another one may be gone by now, or be this node's own, which lost the same blob.
 */
async function repair(ports: Ports, asked: string, image: Image, progress: Progress, signal: AbortSignal): Promise<boolean> {
  const { images } = ports;
  await images.quarantine(image, signal);
  const whole = await images.has([image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)]);
  const origins = originsOf([...(namesRegistry(asked) ? [asked] : []), ...image.references]);
  if (whole || origins.length === 0) return false;
  const failures: unknown[] = [];
  for (const origin of origins) {
    signal.throwIfAborted();
    const failure = await fetchAgain(ports, `${origin}@${image.digest}`, progress, signal).catch((error: unknown) => ({ error }));
    if (failure === undefined) return true;
    failures.push(failure.error);
  }
  throw failures[0];
}

async function fetchAgain({ images, registries }: Ports, reference: string, progress: Progress, signal: AbortSignal): Promise<void> {
  const client = await registries.clientFor(reference, null);
  await images.pull({ reference, platform: null, client, repair: true }, progress, signal);
}

/** "registry/repository" of the names that say their registry, each once. */
function originsOf(references: readonly string[]): string[] {
  const names = references.map(parseReference).map(({ registry, repository }) => `${registry}/${repository}`);
  return [...new Set(names.filter(namesRegistry))];
}

function isDamage(error: unknown): boolean {
  return isBerthError(error, "digest_mismatch") || isBerthError(error, "layer_invalid") || isBerthError(error, "image_invalid");
}
