import { BerthError, isBerthError } from "../../../shared/domain/index.ts";
import { familiarReference, normaliseReference, parseReference } from "../../../shared/oci/index.ts";
import type { TrustGate } from "../trust/trust-gate.ts";
import type { Image, ImageStore } from "../types.ts";
import { BASE_DIGEST_LABEL, BASE_NAME_LABEL, rebasedConfig, standsOn } from "./rebase-config.ts";

export interface RebaseOptions {
  image: string;
  onto: string;
  /** Null to find it. */
  oldBase: string | null;
  /** Name of the result; null moves the image's own name to it. */
  reference: string | null;
}

export interface Rebased {
  image: Image;
  oldBase: { digest: string; references: string[] };
  newBase: { digest: string; references: string[] };
}

/**
 * Swaps the base under an image without running anything: the layers above it stay, byte for byte.
 * @throws BerthError image_not_found (also: no base found), image_invalid (it does not stand on that base), invalid_reference, image_untrusted
 */
export async function rebaseImage(
  store: ImageStore,
  trust: Pick<TrustGate, "admitImage"> | null,
  options: RebaseOptions,
  signal: AbortSignal,
): Promise<Rebased> {
  const [image, newBase] = [await store.get(options.image), await store.get(options.onto)];
  // Their layers get a name of this node's own: what may not run must not become part of what may.
  await trust?.admitImage(options.image, image, signal);
  await trust?.admitImage(options.onto, newBase, signal);
  const oldBase = options.oldBase === null ? await findBase(store, image) : await store.get(options.oldBase);
  const name = newBase.references.find((reference) => parseReference(reference).digest === null) ?? newBase.digest;
  const config = rebasedConfig(image.config, oldBase.config, newBase.config, { name, digest: newBase.digest });
  const layers = [...newBase.layers, ...image.layers.slice(oldBase.layers.length)];
  const reference = options.reference ?? ownName(image, options.image);
  const rebased = await store.commit({ config, layers, reference });
  return { image: rebased, oldBase: namesOf(oldBase), newBase: namesOf(newBase) };
}

/** By the image's label, by name or digest, where that is here and fits; else the tallest image that it stands on. */
async function findBase(store: ImageStore, image: Image): Promise<Image> {
  const labels = image.config.config.Labels ?? {};
  for (const label of [labels[BASE_DIGEST_LABEL], labels[BASE_NAME_LABEL]]) {
    const found = label === undefined ? null : await getOrNull(store, label);
    if (found !== null && standsOn(image.config, found.config)) return found;
  }
  const candidates = (await store.list()).filter((other) => standsOn(image.config, other.config));
  const [tallest] = candidates.sort((a, b) => b.layers.length - a.layers.length);
  if (tallest !== undefined) return tallest;
  const hint = labels[BASE_NAME_LABEL] === undefined ? "" : `; its label names ${labels[BASE_NAME_LABEL]}`;
  throw new BerthError(
    "image_not_found",
    `no image here is a base of ${image.references[0] ?? image.digest}: name it with --old-base${hint}`,
  );
}

async function getOrNull(store: ImageStore, reference: string): Promise<Image | null> {
  try {
    return await store.get(reference);
  } catch (error) {
    if (isBerthError(error)) return null;
    throw error;
  }
}

/** The name that it was called by; a digest cannot be moved. */
function ownName(image: Image, asked: string): string | null {
  return image.references.find((reference) => familiarReference(parseReference(reference)) === asked || sameName(reference, asked)) ?? null;
}

function sameName(reference: string, asked: string): boolean {
  try {
    return normaliseReference(asked) === reference;
  } catch (error) {
    if (isBerthError(error, "invalid_reference")) return false;
    throw error;
  }
}

function namesOf({ digest, references }: Image) {
  return { digest, references };
}
