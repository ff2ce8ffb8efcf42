import { createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { coveringDigests } from "../../../src/node/images/trust/evidence.ts";
import { judgeSignature } from "../../../src/node/images/trust/judge-signature.ts";
import { digestOf, signBytes } from "../../../src/shared/oci/index.ts";
import { preAuthenticationEncoding } from "../../../src/shared/oci/signing/sigstore-bundle.ts";
import { makeSimpleSigning } from "../../../src/shared/oci/signing/simple-signing.ts";
import { makeKey, type SigningKey } from "../../support/trust-policy.ts";

const IMAGE = digestOf("image");
const REPOSITORY = "r.example/team/app";
const key = makeKey();
const demand = (own: SigningKey = key) => ({
  keys: [createPublicKey(own.publicPem)],
  digests: [IMAGE],
  repository: REPOSITORY as string | null,
});

function simple(claim = { digest: IMAGE, reference: REPOSITORY }, own = key, payload: Buffer = makeSimpleSigning(claim)) {
  return { kind: "simple" as const, payload: payload.toString("base64"), signature: signBytes(payload, own.privateKey).toString("base64") };
}

function bundle(statement: object, own = key) {
  const payload = Buffer.from(JSON.stringify(statement));
  const payloadType = "application/vnd.in-toto+json";
  const sig = signBytes(preAuthenticationEncoding(payloadType, payload), own.privateKey).toString("base64");
  const document = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: "x" } },
    dsseEnvelope: { payload: payload.toString("base64"), payloadType, signatures: [{ sig }] },
  };
  return { kind: "bundle" as const, bundle: Buffer.from(JSON.stringify(document)).toString("base64") };
}

const statement = (more: object = {}) => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ digest: { sha256: IMAGE.slice(7) } }],
  predicateType: "https://sigstore.dev/cosign/sign/v1",
  predicate: {},
  ...more,
});

test.each(["p256", "ed25519", "rsa"] as const)("a signature by a key of the policy (%s) counts", (kind) => {
  const own = makeKey(kind);
  expect(judgeSignature(simple(undefined, own), demand(own))).toBeNull();
});

test("a tag in the signed name does not matter, the repository does", () => {
  expect(judgeSignature(simple({ digest: IMAGE, reference: `${REPOSITORY}:v1` }), demand())).toBeNull();
  const other = simple({ digest: IMAGE, reference: "r.example/team/other" });
  expect(judgeSignature(other, demand())).toMatch(/is for "r.example\/team\/other", not for/);
  expect(judgeSignature(other, { ...demand(), repository: null })).toBeNull();
});

test("another key, another digest, and a payload or signature that was changed do not count", () => {
  expect(judgeSignature(simple(undefined, makeKey()), demand())).toMatch(/none of the policy's keys/);
  expect(judgeSignature(simple({ digest: digestOf("other"), reference: REPOSITORY }), demand())).toMatch(/is about sha256/);
  const good = simple();
  const forged = makeSimpleSigning({ digest: digestOf("evil"), reference: REPOSITORY }).toString("base64");
  expect(judgeSignature({ ...good, payload: forged }, { ...demand(), digests: [digestOf("evil")] })).toMatch(/none of the policy's keys/);
  expect(judgeSignature({ ...good, signature: "AAAA" }, demand())).toMatch(/none of the policy's keys/);
  expect(judgeSignature({ ...good, signature: "" }, demand())).toMatch(/none of the policy's keys/);
});

test.each([
  ["no JSON", Buffer.from("x")],
  [
    "another type",
    Buffer.from(
      JSON.stringify({ critical: { type: "x", image: { "docker-manifest-digest": IMAGE }, identity: { "docker-reference": REPOSITORY } } }),
    ),
  ],
  [
    "no digest",
    Buffer.from(
      JSON.stringify({ critical: { type: "cosign container image signature", image: {}, identity: { "docker-reference": REPOSITORY } } }),
    ),
  ],
])("a signed payload with %s does not count", (_what, payload) => {
  expect(judgeSignature(simple(undefined, key, payload), demand())).toMatch(/payload is not valid/);
});

test("a sigstore bundle counts for its digest; where it names no repository the policy must not ask for one", () => {
  expect(judgeSignature(bundle(statement()), { ...demand(), repository: null })).toBeNull();
  expect(judgeSignature(bundle(statement()), demand())).toMatch(/names no repository/);
  const named = statement({ subject: [{ name: REPOSITORY, digest: { sha256: IMAGE.slice(7) } }] });
  expect(judgeSignature(bundle(named), demand())).toBeNull();
  expect(judgeSignature(bundle(named, makeKey()), demand())).toMatch(/none of the policy's keys/);
});

test("an attestation signed with the same key is no signature", () => {
  const provenance = bundle(statement({ predicateType: "https://slsa.dev/provenance/v1" }));
  expect(judgeSignature(provenance, { ...demand(), repository: null })).toMatch(/predicate is "https:\/\/slsa/);
});

test("an index covers an image only when its bytes name it", () => {
  const entry = (digest: string) => ({ mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 });
  const index = (...digests: string[]) => Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: digests.map(entry) }));
  const inner = index(digestOf("arm"), IMAGE);
  const outer = index(digestOf(inner));
  expect(coveringDigests(IMAGE, [outer, inner])).toEqual([IMAGE, digestOf(inner), digestOf(outer)]);
  expect(coveringDigests(IMAGE, [index(digestOf("arm"))])).toEqual([IMAGE]);
  expect(coveringDigests(IMAGE, [outer, index(digestOf("arm"))])).toEqual([IMAGE]);
});
