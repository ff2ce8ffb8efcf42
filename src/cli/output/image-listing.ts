import { formatBytes } from "../../shared/domain/index.ts";
import type { ImageView } from "../client/node-client.ts";
import type { Listing } from "./formats.ts";
import { between } from "./time.ts";

/** The table of `berth images`; an image with several names is one line each in it. */
export function imageListing(now: number): Listing<ImageView> {
  return {
    columns: [
      { title: "IMAGE", value: (image) => image.references.map(familiarName).join(", ") || "<none>" },
      { title: "DIGEST", value: (image) => image.digest.replace(/^sha256:/, "").slice(0, 12) },
      { title: "SIZE", value: (image) => formatBytes(image.sizeBytes), align: "right" },
      { title: "CREATED", value: (image) => (image.createdAt === null ? null : createdText(Date.parse(image.createdAt), now)) },
    ],
    wide: [{ title: "FULL DIGEST", value: (image) => image.digest }],
    name: (image) => `image/${image.references[0] === undefined ? image.digest : familiarName(image.references[0])}`,
    empty: "no images (`berth image bootstrap debian:bookworm` makes one)",
  };
}

/** Reproducible images are dated to the epoch of their sources, which is no age a person asks for. */
function createdText(created: number, now: number): string | null {
  return Number.isNaN(created) || created <= 0 ? null : `${between(created, now)} ago`;
}

/** "docker.io/library/debian:bookworm" -> "debian:bookworm", as people write it. */
export function familiarName(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, "");
}
