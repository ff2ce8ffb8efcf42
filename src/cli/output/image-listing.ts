import { formatBytes } from "../../shared/domain/index.ts";
import type { ImageView } from "../client/node-client.ts";
import type { Listing } from "./formats.ts";
import { between } from "./time.ts";

/** A line of `berth images`: one for each name of an image, as Docker has it. */
export type NamedImage = ImageView & { name: string | null };

/** The lines of some images; with `wanted`, only of that repository or name. */
export function namedImages(images: readonly ImageView[], wanted?: string): NamedImage[] {
  const lines = images.flatMap((image) => {
    const names: (string | null)[] = image.references.length === 0 ? [null] : image.references.map(familiarName);
    return names.map((name) => ({ ...image, name }));
  });
  return wanted === undefined ? lines : lines.filter(({ name }) => name !== null && isOf(name, familiarName(wanted)));
}

/** "trainer" is every tag of it, "trainer:v2" only that one. */
function isOf(name: string, wanted: string): boolean {
  return name === wanted || (name.startsWith(wanted) && /^[:@][^/]*$/.test(name.slice(wanted.length)));
}

/** The table of `berth images`. */
export function imageListing(now: number): Listing<NamedImage> {
  return {
    columns: [
      { title: "IMAGE", value: (image) => image.name ?? "<none>" },
      { title: "DIGEST", value: (image) => image.digest.replace(/^sha256:/, "").slice(0, 12) },
      { title: "SIZE", value: (image) => formatBytes(image.sizeBytes), align: "right" },
      { title: "CREATED", value: (image) => (image.createdAt === null ? null : createdText(Date.parse(image.createdAt), now)) },
    ],
    wide: [{ title: "FULL DIGEST", value: (image) => image.digest }],
    // Without "image/": that would be a name of its own, and `berth images rm $(berth images ls -o name)` is what it is for.
    name: (image) => image.name ?? image.digest,
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
