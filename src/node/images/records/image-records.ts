import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { BerthError } from "../../../shared/domain/index.ts";

const RecordsSchema = Type.Object({
  version: Type.Literal(1),
  /** Manifest digest -> the references that name it, sorted. An image without one is kept until prune. */
  images: Type.Record(Type.String(), Type.Object({ references: Type.Array(Type.String()) })),
});

/** The content of images.json. */
export type ImageRecords = Static<typeof RecordsSchema>;

export const EMPTY_RECORDS: ImageRecords = { version: 1, images: {} };

/** @throws BerthError internal when the file is not what this version writes */
export function parseRecords(text: string, path: string): ImageRecords {
  const value: unknown = JSON.parse(text);
  if (!Value.Check(RecordsSchema, value)) throw new BerthError("internal", `${path} is not an image list of version 1`);
  return value;
}

/** The digest that a reference names; null when none does. */
export function digestOfReference(records: ImageRecords, reference: string): string | null {
  const found = Object.entries(records.images).find(([, record]) => record.references.includes(reference));
  return found?.[0] ?? null;
}

/** Records with the image in them; `reference` moves to it from whatever it named before. */
export function withImage(records: ImageRecords, digest: string, reference: string | null): ImageRecords {
  const base = reference === null ? records : withoutReference(records, reference);
  const references = new Set(base.images[digest]?.references ?? []);
  if (reference !== null) references.add(reference);
  return { version: 1, images: { ...base.images, [digest]: { references: [...references].sort() } } };
}

/** Records where nothing has the name any more; its image stays. */
export function withoutReference(records: ImageRecords, reference: string): ImageRecords {
  const images = Object.entries(records.images).map(
    ([digest, record]) => [digest, { references: record.references.filter((name) => name !== reference) }] as const,
  );
  return { version: 1, images: Object.fromEntries(images) };
}

/** Records without these images and all their names. */
export function withoutImages(records: ImageRecords, digests: ReadonlySet<string>): ImageRecords {
  return { version: 1, images: Object.fromEntries(Object.entries(records.images).filter(([digest]) => !digests.has(digest))) };
}
