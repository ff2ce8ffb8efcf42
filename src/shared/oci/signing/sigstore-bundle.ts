import { type Static, Type } from "typebox";
import { checkDocument, invalidDocument } from "../check-document.ts";
import type { SignedClaim } from "./simple-signing.ts";

/** Any version: sigstore's protobuf-specs keeps the members that are read here. */
export const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.\d+)?\+json(?:;version=0\.\d+)?$/;
const IN_TOTO = "application/vnd.in-toto+json";
/** Others (SBOM, provenance) are signed with the same keys and say something else than "this may run". */
const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
const MAX_SUBJECTS = 16;

const Base64 = Type.String({ pattern: "^[A-Za-z0-9+/_-]*={0,2}$" });
const BundleSchema = Type.Object({
  mediaType: Type.String({ pattern: BUNDLE_TYPE.source }),
  dsseEnvelope: Type.Object({
    payload: Base64,
    payloadType: Type.Literal(IN_TOTO),
    signatures: Type.Array(Type.Object({ sig: Base64 }), { minItems: 1, maxItems: 16 }),
  }),
});

const StatementSchema = Type.Object({
  _type: Type.String({ pattern: "^https://in-toto\\.io/Statement/v(0\\.1|1)$" }),
  predicateType: Type.String(),
  subject: Type.Array(
    Type.Object({ name: Type.Optional(Type.String()), digest: Type.Object({ sha256: Type.String({ pattern: "^[a-f0-9]{64}$" }) }) }),
    { minItems: 1, maxItems: MAX_SUBJECTS },
  ),
});

export interface SigstoreBundle {
  /** The bytes that each signature is over (DSSE's pre-authentication encoding). */
  signed: Buffer;
  signatures: Buffer[];
  /** What it says; not to be believed before a signature was checked. @throws BerthError image_invalid */
  claims(): SignedClaim[];
}

/** Reads a bundle with a DSSE envelope, as cosign 3 stores image signatures. @throws BerthError image_invalid */
export function parseBundle(bytes: Uint8Array): SigstoreBundle {
  const { dsseEnvelope }: Static<typeof BundleSchema> = checkDocument(BundleSchema, bytes, "sigstore bundle");
  const payload = Buffer.from(dsseEnvelope.payload, "base64");
  return {
    signed: preAuthenticationEncoding(dsseEnvelope.payloadType, payload),
    signatures: dsseEnvelope.signatures.map(({ sig }) => Buffer.from(sig, "base64")),
    claims: () => claimsOf(payload),
  };
}

/** DSSE protocol, "Signature Definition": PAE. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

function claimsOf(payload: Uint8Array): SignedClaim[] {
  const statement: Static<typeof StatementSchema> = checkDocument(StatementSchema, payload, "in-toto statement");
  if (statement.predicateType !== SIGN_PREDICATE)
    throw invalidDocument(
      "in-toto statement",
      `its predicate is ${JSON.stringify(statement.predicateType.slice(0, 200))}, not a signature`,
    );
  return statement.subject.map(({ name, digest }) => ({ digest: `sha256:${digest.sha256}`, reference: name || null }));
}
