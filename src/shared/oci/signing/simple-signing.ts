import { type Static, Type } from "typebox";
import { isDigest } from "../../domain/index.ts";
import { checkDocument, invalidDocument } from "../check-document.ts";

/** Media types and annotations of cosign's SIGNATURE_SPEC. */
export const SIMPLE_SIGNING = {
  payload: "application/vnd.dev.cosign.simplesigning.v1+json",
  signature: "dev.cosignproject.cosign/signature",
  /** artifactType of the manifest where it is a referrer. */
  artifact: "application/vnd.dev.cosign.artifact.sig.v1+json",
  type: "cosign container image signature",
} as const;

/** Red Hat's and cosign's names for the same claim. */
const TYPES: readonly string[] = [SIMPLE_SIGNING.type, "atomic container signature"];

const PayloadSchema = Type.Object({
  critical: Type.Object({
    type: Type.String(),
    image: Type.Object({ "docker-manifest-digest": Type.String() }),
    identity: Type.Object({ "docker-reference": Type.String() }),
  }),
  optional: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

/** What a signature says was signed. */
export interface SignedClaim {
  /** Of a manifest or an index. */
  digest: string;
  /** "registry.example/team/app", with or without a tag; null when the format does not say. */
  reference: string | null;
}

/** Reads the payload of a simple signing signature. @throws BerthError image_invalid */
export function parseSimpleSigning(payload: Uint8Array): SignedClaim {
  const { critical }: Static<typeof PayloadSchema> = checkDocument(PayloadSchema, payload, "signature's payload");
  if (!TYPES.includes(critical.type)) throw invalidDocument("signature's payload", `its type is ${JSON.stringify(critical.type)}`);
  const digest = critical.image["docker-manifest-digest"];
  if (!isDigest(digest)) throw invalidDocument("signature's payload", "docker-manifest-digest is not a digest");
  return { digest, reference: critical.identity["docker-reference"] };
}

/** The payload to sign, with members in cosign's order. */
export function makeSimpleSigning(claim: { digest: string; reference: string }): Buffer {
  const critical = {
    identity: { "docker-reference": claim.reference },
    image: { "docker-manifest-digest": claim.digest },
    type: SIMPLE_SIGNING.type,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/** Where cosign keeps the signatures of a manifest: a tag beside it. */
export function signatureTag(digest: string): string {
  return `${digest.replace(":", "-")}.sig`;
}
