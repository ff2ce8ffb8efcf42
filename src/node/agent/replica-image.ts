import { formatReference, parseReference } from "../../shared/oci/index.ts";
import type { ReplicaSpec } from "../../shared/wire/index.ts";

/** What to pull and run: the digest that all replicas of the job run, where the control plane knows it. */
export function replicaImage({ image, imageDigest }: Pick<ReplicaSpec, "image" | "imageDigest">): string {
  return imageDigest === undefined ? image : formatReference({ ...parseReference(image), tag: null, digest: imageDigest });
}
