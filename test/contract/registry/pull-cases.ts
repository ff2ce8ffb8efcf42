import { expect } from "vitest";
import { type Case, OCI, of, randomBlob, sha256, sha512 } from "./harness.ts";

const ABSENT = sha256("absent");

const version = of("Determining Support", {
  "GET /v2/ answers 200": async (b) => expect((await b.send("GET", "/v2/")).status).toBe(200),
  "HEAD /v2/ answers 200": async (b) => expect((await b.send("HEAD", "/v2/")).status).toBe(200),
  "names the API version": async (b) =>
    expect((await b.send("GET", "/v2/")).headers["docker-distribution-api-version"]).toBe("registry/2.0"),
  "an unknown path is 404": async (b) => expect((await b.send("GET", "/v3/")).status).toBe(404),
});

const manifests = of("Pulling manifests", {
  "a manifest is pulled by its tag": async (b) => {
    const { bytes } = await b.image("one");
    const got = await b.get("manifests/one");
    expect(got.status).toBe(200);
    expect(got.body).toEqual(bytes);
  },
  "a manifest is pulled by its digest": async (b) => {
    const { bytes, digest } = await b.image("one");
    expect((await b.get(`manifests/${digest}`)).body).toEqual(bytes);
  },
  "Content-Type is that of the push": async (b) => {
    await b.image("one");
    expect((await b.get("manifests/one")).headers["content-type"]).toBe(OCI.manifest);
  },
  "Docker-Content-Digest is the manifest's digest": async (b) => {
    const { digest } = await b.image("one");
    expect((await b.get("manifests/one")).headers["docker-content-digest"]).toBe(digest);
  },
  "an unknown tag is 404 MANIFEST_UNKNOWN": async (b) => {
    await b.image("one");
    const got = await b.get("manifests/two");
    expect([got.status, got.json().errors[0]?.code]).toEqual([404, "MANIFEST_UNKNOWN"]);
  },
  "an unknown digest is 404": async (b) => {
    await b.image("one");
    expect((await b.get(`manifests/${ABSENT}`)).status).toBe(404);
  },
  "an unknown repository is 404": async (b) => expect((await b.get("manifests/one")).status).toBe(404),
  "a name that no tag can have is 404": async (b) => expect((await b.get("manifests/.INVALID_MANIFEST_NAME")).status).toBe(404),
  "If-None-Match with the digest is 304": async (b) => {
    const { digest } = await b.image("one");
    expect((await b.get("manifests/one", { "if-none-match": `"${digest}"` })).status).toBe(304);
  },
});

const blobs = of("Pulling blobs", {
  "a blob is pulled by its digest": async (b) => {
    const bytes = randomBlob();
    const got = await b.get(`blobs/${await b.blob(bytes)}`);
    expect([got.status, got.body.equals(bytes)]).toEqual([200, true]);
  },
  "a large blob comes whole": async (b) => {
    const bytes = randomBlob(3_000_000);
    expect((await b.get(`blobs/${await b.blob(bytes)}`)).body.equals(bytes)).toBe(true);
  },
  "an empty blob is pulled": async (b) => {
    const got = await b.get(`blobs/${await b.blob(Buffer.alloc(0))}`);
    expect([got.status, got.body.byteLength]).toEqual([200, 0]);
  },
  "a sha512 blob is pulled by its digest": async (b) => {
    const bytes = randomBlob();
    const got = await b.get(`blobs/${await b.blob(bytes, b.repository, sha512(bytes))}`);
    expect([got.status, got.headers["docker-content-digest"], got.body.equals(bytes)]).toEqual([200, sha512(bytes), true]);
  },
  "Docker-Content-Digest is the blob's digest": async (b) => {
    const digest = await b.blob();
    expect((await b.get(`blobs/${digest}`)).headers["docker-content-digest"]).toBe(digest);
  },
  "an unknown blob is 404 BLOB_UNKNOWN": async (b) => {
    const got = await b.get(`blobs/${ABSENT}`);
    expect([got.status, got.json().errors[0]?.code]).toEqual([404, "BLOB_UNKNOWN"]);
  },
  "a blob of another repository is 404": async (b) => {
    const digest = await b.blob(randomBlob(), b.other);
    await b.blob();
    expect((await b.get(`blobs/${digest}`)).status).toBe(404);
  },
  "Range gives the part": async (b) => {
    const bytes = randomBlob(1000);
    const got = await b.get(`blobs/${await b.blob(bytes)}`, { range: "bytes=10-19" });
    expect([got.status, got.headers["content-range"], got.body.equals(bytes.subarray(10, 20))]).toEqual([206, "bytes 10-19/1000", true]);
  },
  "Range without an end gives the rest": async (b) => {
    const bytes = randomBlob(200_000);
    const got = await b.get(`blobs/${await b.blob(bytes)}`, { range: "bytes=100000-" });
    expect([got.status, got.body.equals(bytes.subarray(100_000))]).toEqual([206, true]);
  },
  "Range of the last bytes gives them": async (b) => {
    const bytes = randomBlob(1000);
    expect((await b.get(`blobs/${await b.blob(bytes)}`, { range: "bytes=-7" })).body).toEqual(bytes.subarray(993));
  },
  "Range past the end is cut": async (b) => {
    const bytes = randomBlob(100);
    const got = await b.get(`blobs/${await b.blob(bytes)}`, { range: "bytes=90-5000" });
    expect([got.status, got.body.byteLength]).toEqual([206, 10]);
  },
  "Range that ends before it starts is 416": async (b) =>
    expect((await b.get(`blobs/${await b.blob(randomBlob(100))}`, { range: "bytes=50-0" })).status).toBe(416),
  "Range that starts past the end is 416 with the size": async (b) => {
    const got = await b.get(`blobs/${await b.blob(randomBlob(100))}`, { range: "bytes=100-" });
    expect([got.status, got.headers["content-range"]]).toEqual([416, "bytes */100"]);
  },
  "If-None-Match with the digest is 304": async (b) => {
    const digest = await b.blob();
    const { headers } = await b.get(`blobs/${digest}`);
    expect((await b.get(`blobs/${digest}`, { "if-none-match": String(headers["etag"]) })).status).toBe(304);
  },
  "If-Range with another tag gives the whole": async (b) => {
    const got = await b.get(`blobs/${await b.blob(randomBlob(100))}`, { range: "bytes=1-2", "if-range": '"other"' });
    expect([got.status, got.body.byteLength]).toEqual([200, 100]);
  },
});

const existence = of("Checking if content exists in the registry", {
  "HEAD of a manifest has its size and no body": async (b) => {
    const { bytes } = await b.image("one");
    const got = await b.send("HEAD", `/v2/${b.repository}/manifests/one`);
    expect([got.status, got.headers["content-length"], got.body.byteLength]).toEqual([200, String(bytes.byteLength), 0]);
  },
  "HEAD of a manifest by digest is 200": async (b) => {
    const { digest } = await b.image("one");
    expect((await b.send("HEAD", `/v2/${b.repository}/manifests/${digest}`)).headers["docker-content-digest"]).toBe(digest);
  },
  "HEAD of an unknown manifest is 404": async (b) => expect((await b.send("HEAD", `/v2/${b.repository}/manifests/none`)).status).toBe(404),
  "HEAD of a blob has its size and no body": async (b) => {
    const digest = await b.blob(randomBlob(777));
    const got = await b.send("HEAD", `/v2/${b.repository}/blobs/${digest}`);
    expect([got.status, got.headers["content-length"], got.headers["docker-content-digest"], got.body.byteLength]).toEqual([
      200,
      "777",
      digest,
      0,
    ]);
  },
  "HEAD of an unknown blob is 404": async (b) => expect((await b.send("HEAD", `/v2/${b.repository}/blobs/${ABSENT}`)).status).toBe(404),
});

export const PULL_CASES: Case[] = [...version, ...manifests, ...blobs, ...existence];
