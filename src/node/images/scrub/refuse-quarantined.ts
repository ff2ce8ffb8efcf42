import { readdir } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import { digestHex, familiarReference, parseReference } from "../../../shared/oci/index.ts";
import { exists } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import type { Image } from "../types.ts";

/**
 * Keeps an image from starting when one of its blobs was found damaged and has not been taken in again since: its unpacked
 * layers may be as bad.
 * @throws BerthError image_invalid saying how to get it again
 */
export async function refuseQuarantined(paths: StorePaths, image: Pick<Image, "references" | "layers" | "digest">): Promise<void> {
  const names = await readdir(paths.quarantine);
  if (names.length === 0) return;
  const quarantined = new Set(names.map((name) => name.split("-", 1)[0]));
  for (const { digest } of image.layers) {
    if (!quarantined.has(digestHex(digest)) || (await exists(paths.blob(digest)))) continue;
    const [reference] = image.references;
    const name = reference === undefined ? image.digest : familiarReference(parseReference(reference));
    throw new BerthError(
      "image_invalid",
      `the image ${name} cannot be used: its layer ${digest} was damaged on disk and is in quarantine; ` +
        "pull the image, load it from an archive, or build it again",
    );
  }
}
