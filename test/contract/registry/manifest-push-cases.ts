import { expect } from "vitest";
import { type Case, descriptor, OCI, of, pathOf, randomBlob, sha256, sha512 } from "./harness.ts";

const manifests = of("Pushing Manifests", {
  "PUT by tag answers 201 with Location and digest": async (b) => {
    const { bytes, digest } = await b.manifest();
    const put = await b.put("one", bytes);
    expect([put.status, put.headers["docker-content-digest"]]).toEqual([201, digest]);
    expect((await b.send("GET", pathOf(put))).body).toEqual(bytes);
  },
  "PUT by digest answers 201": async (b) => {
    const { bytes, digest } = await b.manifest();
    expect((await b.put(digest, bytes)).status).toBe(201);
  },
  "PUT by sha512 digest answers 201": async (b) => {
    const { bytes } = await b.manifest();
    const put = await b.put(sha512(bytes), bytes);
    expect([put.status, put.headers["docker-content-digest"]]).toEqual([201, sha512(bytes)]);
    expect((await b.get(`manifests/${sha512(bytes)}`)).body).toEqual(bytes);
  },
  "the bytes are kept exactly, spaces and all": async (b) => {
    const { document } = await b.manifest();
    const bytes = Buffer.from(`${JSON.stringify(document, null, 4)}\n \n`);
    await b.put("spaces", bytes);
    expect((await b.get("manifests/spaces")).body).toEqual(bytes);
  },
  "unknown fields are kept": async (b) =>
    expect((await b.put("more", (await b.manifest({ "org.example.x": { deep: [1, null] } })).bytes)).status).toBe(201),
  "a manifest of up to 4 MiB is taken": async (b) => {
    const { bytes } = await b.manifest({ annotations: { big: "A".repeat(4_000_000) } });
    expect((await b.put("big", bytes)).status).toBe(201);
    expect((await b.get("manifests/big")).body.equals(bytes)).toBe(true);
  },
  "a manifest over 4 MiB is 413": async (b) => {
    const { bytes } = await b.manifest({ annotations: { big: "A".repeat(4 * 1024 * 1024) } });
    expect((await b.put("big", bytes)).status).toBe(413);
  },
  "a digest of other bytes is 400 DIGEST_INVALID": async (b) => {
    const put = await b.put(sha256("other"), (await b.manifest()).bytes);
    expect([put.status, put.json().errors[0]?.code]).toEqual([400, "DIGEST_INVALID"]);
  },
  "a malformed digest is 400": async (b) => expect((await b.put("sha256:baddigeststring", (await b.manifest()).bytes)).status).toBe(400),
  "a missing blob is refused with MANIFEST_BLOB_UNKNOWN": async (b) => {
    const { document } = await b.manifest();
    const put = await b.put("one", { ...document, layers: [descriptor(OCI.layer, randomBlob())] });
    expect(put.status).toBeGreaterThanOrEqual(400);
    expect(put.json().errors[0]?.code).toBe("MANIFEST_BLOB_UNKNOWN");
  },
  "a blob of another repository is missing": async (b) => {
    const bytes = randomBlob();
    await b.blob(bytes, b.other);
    const { document } = await b.manifest();
    expect((await b.put("one", { ...document, layers: [descriptor(OCI.layer, bytes)] })).json().errors[0]?.code).toBe(
      "MANIFEST_BLOB_UNKNOWN",
    );
  },
  "absent non-distributable layers are accepted": async (b) => {
    const away = { ...descriptor(OCI.foreign, randomBlob()), urls: ["https://store.example/blob"] };
    const { document } = await b.manifest();
    expect((await b.put("one", { ...document, layers: [...(document["layers"] as object[]), away] })).status).toBe(201);
  },
  "a manifest without layers is taken": async (b) =>
    expect((await b.put("one", (await b.manifest({ layers: [] })).bytes)).status).toBe(201),
  "an artifact of any types is taken": async (b) => {
    const [config, layer] = [Buffer.from("{}"), randomBlob()];
    await b.blob(config);
    await b.blob(layer);
    const document = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      artifactType: "application/vnd.example.v1",
      config: descriptor(OCI.empty, config),
      layers: [descriptor("text/plain", layer)],
    };
    expect((await b.put("artifact", document)).status).toBe(201);
  },
  "an index of pushed manifests is taken": async (b) => {
    const one = await b.image("one");
    const index = { schemaVersion: 2, mediaType: OCI.index, manifests: [descriptor(OCI.manifest, one.bytes)] };
    expect((await b.put("index", index, OCI.index)).status).toBe(201);
    expect((await b.get("manifests/index")).headers["content-type"]).toBe(OCI.index);
  },
  "an index of an index is taken": async (b) => {
    const one = await b.image("one");
    const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests: [descriptor(OCI.manifest, one.bytes)] }));
    await b.put(sha256(inner), inner, OCI.index);
    expect(
      (await b.put("outer", { schemaVersion: 2, mediaType: OCI.index, manifests: [descriptor(OCI.index, inner)] }, OCI.index)).status,
    ).toBe(201);
  },
  "an empty index is taken": async (b) =>
    expect((await b.put("empty", { schemaVersion: 2, mediaType: OCI.index, manifests: [] }, OCI.index)).status).toBe(201),
  "an index of a missing manifest is refused": async (b) => {
    const index = { schemaVersion: 2, mediaType: OCI.index, manifests: [descriptor(OCI.manifest, randomBlob())] };
    expect((await b.put("index", index, OCI.index)).status).toBeGreaterThanOrEqual(400);
  },
  "a mediaType other than Content-Type is 400": async (b) => {
    expect((await b.put("one", (await b.manifest()).bytes, OCI.index)).status).toBe(400);
  },
  "a document that is manifest and index is 400 (CVE-2021-41190)": async (b) =>
    expect((await b.put("one", (await b.manifest({ manifests: [] })).bytes)).status).toBe(400),
  "Content-Type stands in for a missing mediaType": async (b) => {
    const { document } = await b.manifest();
    const { mediaType: _, ...bare } = document;
    expect((await b.put("bare", bare)).status).toBe(201);
    expect((await b.get("manifests/bare")).headers["content-type"]).toBe(OCI.manifest);
  },
  "a tag moves to the next manifest": async (b) => {
    await b.image("latest");
    const second = await b.image("latest");
    expect((await b.get("manifests/latest")).headers["docker-content-digest"]).toBe(second.digest);
  },
  "a tag may have 128 characters of all kinds": async (b) => {
    const tag = `_A.b-c${"9".repeat(122)}`;
    await b.image(tag);
    expect((await b.get(`manifests/${tag}`)).status).toBe(200);
  },
  "a tag of 129 characters is 4xx": async (b) => {
    const { status } = await b.put("t".repeat(129), (await b.manifest()).bytes);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  },
  "tags may be given beside a digest": async (b) => {
    const { bytes, digest } = await b.manifest();
    const put = await b.put(`${digest}?tag=one&tag=two`, bytes);
    expect([put.status, [put.headers["oci-tag"]].flat()]).toEqual([201, ["one", "two"]]);
    expect((await b.get("manifests/two")).headers["docker-content-digest"]).toBe(digest);
  },
});

const broken: [string, Buffer | object][] = [
  ["no JSON", Buffer.from("{")],
  ["an array", Buffer.from("[]")],
  ["null", Buffer.from("null")],
  ["empty", Buffer.alloc(0)],
  ["invalid UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
  ["nested 100,000 deep", Buffer.from("[".repeat(100_000))],
  ["of schema 1", { schemaVersion: 1, name: "x", tag: "y", fsLayers: [], history: [] }],
  ["with a negative size", { schemaVersion: 2, config: { mediaType: "a/b", digest: sha256("x"), size: -1 }, layers: [] }],
  ["with a size that is no number", { schemaVersion: 2, config: { mediaType: "a/b", digest: sha256("x"), size: "1" }, layers: [] }],
  [
    "with a path for a digest",
    { schemaVersion: 2, config: { mediaType: "a/b", digest: "sha256:../../../etc/passwd", size: 1 }, layers: [] },
  ],
  ["without a config", { schemaVersion: 2, layers: [] }],
];
const refused: Case[] = broken.map(([what, document]) => ({
  section: "Pushing Manifests",
  title: `a manifest that is ${what} is 400`,
  run: async (b) => expect((await b.put("one", document)).status).toBe(400),
}));

export const MANIFEST_CASES: Case[] = [...manifests, ...refused];
