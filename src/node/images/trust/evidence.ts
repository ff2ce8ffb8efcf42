import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { digestHex, digestLike, digestOf, digestOfHex, parseAnyIndex } from "../../../shared/oci/index.ts";
import { writeFileDurably } from "../../platform/index.ts";
import { namesIn } from "../content/probe-path.ts";
import { errnoOf } from "../content/storage-error.ts";

const Base64 = Type.String({ maxLength: 8 * 1024 * 1024 });

/** One signature as it came from a registry; nothing of it is believed until it is checked against keys. */
const SignatureSchema = Type.Union([
  Type.Object({ kind: Type.Literal("simple"), payload: Base64, signature: Base64 }),
  Type.Object({ kind: Type.Literal("bundle"), bundle: Base64 }),
]);

const EvidenceSchema = Type.Object({
  version: Type.Literal(1),
  /** The indexes from which the image was chosen, outermost first. */
  indexes: Type.Array(Base64, { maxItems: 4 }),
  signatures: Type.Array(SignatureSchema, { maxItems: 64 }),
});

export type StoredSignature = Static<typeof SignatureSchema>;
export type Evidence = Static<typeof EvidenceSchema>;

const MAX_KEPT = 16;

/**
 * Signatures that were good once, kept beside the image (trust/<hex>.json): each start checks them again with the keys of the
 * day, and needs no registry for it.
 */
export interface EvidenceFolder {
  /** Null when there is none that can be read: then the registry is asked. */
  read(digest: string): Promise<Evidence | null>;
  add(digest: string, indexes: readonly Buffer[], signature: StoredSignature): Promise<void>;
  /** Drops what belongs to images that are gone. */
  keepOnly(digests: ReadonlySet<string>): Promise<void>;
}

/** The folder is made with the first signature. */
export function createEvidenceFolder(folder: string): EvidenceFolder {
  const pathOf = (digest: string) => join(folder, `${digestHex(digest)}.json`);
  const read = async (digest: string): Promise<Evidence | null> => {
    try {
      const value: unknown = JSON.parse(await readFile(pathOf(digest), "utf8"));
      return Value.Check(EvidenceSchema, value) ? value : null;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || error instanceof SyntaxError) return null;
      throw error;
    }
  };
  return {
    read,
    async add(digest, indexes, signature) {
      const before = await read(digest);
      const encoded = indexes.map((bytes) => bytes.toString("base64"));
      const text = JSON.stringify(signature);
      const others = (before?.signatures ?? []).filter((other) => JSON.stringify(other) !== text);
      const evidence: Evidence = {
        version: 1,
        indexes: encoded.length > 0 ? encoded : (before?.indexes ?? []),
        signatures: [signature, ...others].slice(0, MAX_KEPT),
      };
      if (before !== null && JSON.stringify(before) === JSON.stringify(evidence)) return;
      await mkdir(dirname(pathOf(digest)), { recursive: true, mode: 0o700 });
      await writeFileDurably(pathOf(digest), JSON.stringify(evidence));
    },
    async keepOnly(digests) {
      for (const name of await namesIn(folder)) {
        if (!digests.has(digestOfHex(name.replace(/\.json$/, "")) ?? "")) await rm(join(folder, name), { force: true });
      }
    },
  };
}

/**
 * What a signature may be about so that it covers an image: its manifest, and each index that holds it, shown by the indexes'
 * own bytes (outermost first).
 */
export function coveringDigests(manifest: string, indexes: readonly Uint8Array[]): string[] {
  const covering = [manifest];
  let isInner = (digest: string) => digest === manifest;
  for (const bytes of [...indexes].reverse()) {
    if (!parseAnyIndex(bytes).manifests.some(({ digest }) => isInner(digest))) break;
    covering.push(digestOf(bytes));
    isInner = (digest) => digest === digestLike(digest, bytes);
  }
  return covering;
}
