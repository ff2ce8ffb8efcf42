import { afterEach, beforeEach, expect, test } from "vitest";
import { createImageStore, type ImageStore } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { MEDIA_TYPES, SIMPLE_SIGNING, signatureTag, signBytes } from "../../../src/shared/oci/index.ts";
import { preAuthenticationEncoding } from "../../../src/shared/oci/signing/sigstore-bundle.ts";
import { makeSimpleSigning } from "../../../src/shared/oci/signing/simple-signing.ts";
import { hostilePulls } from "../../support/hostile-pulls.ts";
import { imageManifest, randomLayer } from "../../support/hostile-registry.ts";
import { neverAborted } from "../../support/test-store.ts";
import { makeKey, openTestGate, testAccess } from "../../support/trust-policy.ts";

const pulls = hostilePulls();
const key = makeKey();
let store: ImageStore;
let digest: string;
beforeEach(async () => {
  const { dataDir, native } = pulls.store;
  const policy = { default: { keys: [key.publicPem], identity: "any" } };
  const trust = await openTestGate(dataDir, testAccess(dataDir), policy);
  store = await createImageStore({ dataDir, native, clock: systemClock(), trust });
  digest = pulls.registry.addImage("1", [await randomLayer(100)]);
});
afterEach(() => store.close());

const pull = () =>
  store.pull({ reference: `${pulls.registry.host}/app:1`, platform: null, client: pulls.clientOf() }, () => undefined, neverAborted());

/** A list of signatures at cosign's tag, or wherever `tag` says; null gives it only its digest. */
function addSignatures(layers: object[], tag: string | null = signatureTag(digest), more: object = {}): string {
  const document = { ...imageManifest(pulls.registry, []), ...more, layers };
  return pulls.registry.addManifest(document, MEDIA_TYPES.manifest, tag ?? undefined);
}

function signatureOf(payload = makeSimpleSigning({ digest, reference: `${pulls.registry.host}/app` })) {
  const annotations = { [SIMPLE_SIGNING.signature]: signBytes(payload, key.privateKey).toString("base64") };
  return { mediaType: SIMPLE_SIGNING.payload, ...pulls.registry.addBlob(payload), annotations };
}

const nothingFetched = () => expect(pulls.registry.seen("GET", "/blobs/").map(({ path }) => path)).toEqual([]);

test.each([403, 404, 500, 503])(
  "a registry that answers the question for signatures with %d leaves the image untouched",
  async (status) => {
    addSignatures([signatureOf()]);
    pulls.registry.misbehave = (_request, response, path) => {
      if (!path.includes(signatureTag(digest))) return false;
      response.writeHead(status).end();
      return true;
    };
    const code = status === 404 ? "image_untrusted" : status === 403 ? "registry_denied" : "registry_unavailable";
    await expect(pull()).rejects.toMatchObject({ code });
    nothingFetched();
    expect(await store.list()).toEqual([]);
  },
);

test("a registry that does not answer the question for referrers does not pass for one without any", async () => {
  pulls.registry.misbehave = (_request, response, path) => {
    if (!path.includes("/referrers/")) return false;
    response.writeHead(502).end();
    return true;
  };
  await expect(pull()).rejects.toMatchObject({ code: "registry_unavailable" });
  expect(await store.list()).toEqual([]);
});

test("signatures that are too large, damaged, of other types or without a signature are passed over, with the reason", async () => {
  const good = signatureOf();
  const damaged = signatureOf(Buffer.from("{}"));
  pulls.registry.blobs.set(damaged.digest, Buffer.from("[]"));
  const bad = [{ ...good, size: 10_000_000 }, damaged, { ...good, mediaType: "a/b" }, { ...good, annotations: {} }];
  addSignatures(bad);
  await expect(pull()).rejects.toMatchObject({
    code: "image_untrusted",
    message: expect.stringMatching(/10000000 bytes, at most 65536.*has digest.*is no signature/),
  });
  expect(pulls.registry.seen("GET", good.digest)).toEqual([]);
  addSignatures([...bad, good]);
  expect((await pull()).digest).toBe(digest);
});

test("a list of more signatures than are looked at does not count from there on", async () => {
  const other = { ...signatureOf(), annotations: { [SIMPLE_SIGNING.signature]: "AAAA" } };
  addSignatures([...Array.from({ length: 64 }, () => other), signatureOf()]);
  await expect(pull()).rejects.toMatchObject({ code: "image_untrusted" });
});

test.each(["not JSON", '{"schemaVersion":2,"manifests":[]}', '{"schemaVersion":2,"layers":{}}'])(
  "a list of signatures that is %s is none",
  async (text) => {
    pulls.registry.addManifest(Buffer.from(text), MEDIA_TYPES.manifest, signatureTag(digest));
    await expect(pull()).rejects.toMatchObject({ code: "image_untrusted" });
  },
);

test("a sigstore bundle that is a referrer admits the image, where the registry has no API for referrers, too", async () => {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: digest.slice(7) } }],
    predicateType: "https://sigstore.dev/cosign/sign/v1",
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const payloadType = "application/vnd.in-toto+json";
  const sig = signBytes(preAuthenticationEncoding(payloadType, payload), key.privateKey).toString("base64");
  const mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const dsseEnvelope = { payload: payload.toString("base64"), payloadType, signatures: [{ sig }] };
  const bundle = Buffer.from(JSON.stringify({ mediaType, verificationMaterial: { publicKey: { hint: "" } }, dsseEnvelope }));
  const referrer = addSignatures([{ mediaType, ...pulls.registry.addBlob(bundle) }], null, { artifactType: mediaType });
  await expect(pull()).rejects.toMatchObject({ code: "image_untrusted" });
  const size = pulls.registry.manifests.get(referrer)?.bytes.byteLength;
  const entry = { mediaType: MEDIA_TYPES.manifest, digest: referrer, size, artifactType: mediaType };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry] };
  pulls.registry.addManifest(index, MEDIA_TYPES.index, digest.replace(":", "-"));
  expect((await pull()).digest).toBe(digest);
});
