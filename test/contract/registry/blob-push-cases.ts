import { expect } from "vitest";
import { type Bench, type Case, of, pathOf, randomBlob, sha256, sha512, withQuery } from "./harness.ts";

const octets = { "content-type": "application/octet-stream" };
const chunk = (b: Bench, path: string, bytes: Buffer, start: number) =>
  b.send("PATCH", path, { headers: { ...octets, "content-range": `${start}-${start + bytes.byteLength - 1}` }, body: bytes });

const monolithic = of("Pushing a blob monolithically", {
  "POST then PUT makes the blob": async (b) => {
    const bytes = randomBlob();
    const put = await b.send("PUT", withQuery(await b.upload(), { digest: sha256(bytes) }), { headers: octets, body: bytes });
    expect([put.status, put.headers["docker-content-digest"]]).toEqual([201, sha256(bytes)]);
    expect((await b.send("GET", pathOf(put))).body.equals(bytes)).toBe(true);
  },
  "POST answers 202 with a Location": async (b) => {
    const answer = await b.send("POST", `/v2/${b.repository}/blobs/uploads/`);
    expect(answer.status).toBe(202);
    expect(pathOf(answer)).toMatch(new RegExp(`^/v2/${b.repository}/blobs/uploads/.`));
  },
  "a single POST with the digest makes the blob": async (b) => {
    const bytes = randomBlob();
    const post = await b.send("POST", `/v2/${b.repository}/blobs/uploads/?digest=${sha256(bytes)}`, { headers: octets, body: bytes });
    expect([post.status, (await b.send("GET", pathOf(post))).body.equals(bytes)]).toEqual([201, true]);
  },
  "a single POST takes a sha512": async (b) => {
    const bytes = randomBlob();
    const post = await b.send("POST", `/v2/${b.repository}/blobs/uploads/?digest=${sha512(bytes)}`, { headers: octets, body: bytes });
    expect([post.status, post.headers["docker-content-digest"]]).toEqual([201, sha512(bytes)]);
  },
  "a single POST of other bytes is 400 DIGEST_INVALID": async (b) => {
    const post = await b.send("POST", `/v2/${b.repository}/blobs/uploads/?digest=${sha256("x")}`, { headers: octets, body: randomBlob() });
    expect([post.status, post.json().errors[0]?.code]).toEqual([400, "DIGEST_INVALID"]);
  },
  "PUT of other bytes is 400 and makes nothing": async (b) => {
    const put = await b.send("PUT", withQuery(await b.upload(), { digest: sha256("x") }), { headers: octets, body: randomBlob() });
    expect([put.status, (await b.get(`blobs/${sha256("x")}`)).status]).toEqual([400, 404]);
  },
  "PUT without a digest is 400": async (b) =>
    expect((await b.send("PUT", await b.upload(), { headers: octets, body: randomBlob() })).status).toBe(400),
  "PUT with a malformed digest is 400": async (b) =>
    expect((await b.send("PUT", withQuery(await b.upload(), { digest: "sha256:zz" }), { body: randomBlob() })).status).toBe(400),
  "a body without a length is taken": async (b) => {
    const bytes = randomBlob(100_000);
    const pieces = (async function* () {
      for (let at = 0; at < bytes.byteLength; at += 7_000) yield bytes.subarray(at, at + 7_000);
    })();
    const put = await b.send("PUT", withQuery(await b.upload(), { digest: sha256(bytes) }), { headers: octets, body: pieces });
    expect(put.status).toBe(201);
  },
  "the same blob may be pushed again": async (b) => {
    const bytes = randomBlob();
    await b.blob(bytes);
    expect(await b.blob(bytes)).toBe(sha256(bytes));
  },
  "the same blob may be pushed many times at once": async (b) => {
    const bytes = randomBlob(400_000);
    await Promise.all(Array.from({ length: 8 }, () => b.blob(bytes)));
    expect((await b.get(`blobs/${sha256(bytes)}`)).body.equals(bytes)).toBe(true);
  },
  "an empty blob is taken": async (b) => expect(await b.blob(Buffer.alloc(0))).toBe(sha256("")),
  "PUT to an unknown upload is 404 BLOB_UPLOAD_UNKNOWN": async (b) => {
    const path = `/v2/${b.repository}/blobs/uploads/00000000-0000-4000-8000-000000000000`;
    const put = await b.send("PUT", withQuery(path, { digest: sha256("x") }), { headers: octets, body: Buffer.from("x") });
    expect([put.status, put.json().errors[0]?.code]).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  },
});

const chunked = of("Pushing a blob in chunks", {
  "chunks in order make the blob": async (b) => {
    const bytes = randomBlob(3000);
    let path = await b.upload();
    for (const start of [0, 1000, 2000]) {
      const answer = await chunk(b, path, bytes.subarray(start, start + 1000), start);
      expect([answer.status, answer.headers["range"]]).toEqual([202, `0-${start + 999}`]);
      path = pathOf(answer);
    }
    const put = await b.send("PUT", withQuery(path, { digest: sha256(bytes) }), { headers: { "content-length": "0" } });
    expect([put.status, (await b.send("GET", pathOf(put))).body.equals(bytes)]).toEqual([201, true]);
  },
  "the last chunk may come with PUT": async (b) => {
    const bytes = randomBlob(2000);
    const path = pathOf(await chunk(b, await b.upload(), bytes.subarray(0, 1000), 0));
    const put = await b.send("PUT", withQuery(path, { digest: sha256(bytes) }), {
      headers: { ...octets, "content-range": "1000-1999" },
      body: bytes.subarray(1000),
    });
    expect(put.status).toBe(201);
  },
  "chunks make a sha512 blob": async (b) => {
    const bytes = randomBlob(2000);
    const first = await chunk(b, await b.upload(), bytes.subarray(0, 1500), 0);
    const second = await chunk(b, pathOf(first), bytes.subarray(1500), 1500);
    const put = await b.send("PUT", withQuery(pathOf(second), { digest: sha512(bytes) }), { headers: { "content-length": "0" } });
    expect([put.status, put.headers["docker-content-digest"]]).toEqual([201, sha512(bytes)]);
  },
  "a stream without Content-Range is taken": async (b) => {
    const bytes = randomBlob(50_000);
    const patch = await b.send("PATCH", await b.upload(), { headers: octets, body: bytes });
    const put = await b.send("PUT", withQuery(pathOf(patch), { digest: sha256(bytes) }), { headers: { "content-length": "0" } });
    expect([patch.status, put.status]).toEqual([202, 201]);
  },
  "the answer to POST may have OCI-Chunk-Min-Length, a number": async (b) => {
    const answer = await b.send("POST", `/v2/${b.repository}/blobs/uploads/`);
    expect(String(answer.headers["oci-chunk-min-length"] ?? "0")).toMatch(/^\d+$/);
  },
  "a chunk that leaves a gap is 416": async (b) => expect((await chunk(b, await b.upload(), randomBlob(10), 100)).status).toBe(416),
  "a chunk sent twice is 416": async (b) => {
    const bytes = randomBlob(100);
    const path = pathOf(await chunk(b, await b.upload(), bytes, 0));
    expect((await chunk(b, path, bytes, 0)).status).toBe(416);
  },
  "416 says how far the upload is": async (b) => {
    const path = pathOf(await chunk(b, await b.upload(), randomBlob(100), 0));
    const refused = await chunk(b, path, randomBlob(10), 500);
    expect([refused.status, refused.headers["range"]]).toEqual([416, "0-99"]);
    expect(pathOf(refused)).toContain("/blobs/uploads/");
  },
  "after a 416 the upload goes on": async (b) => {
    const bytes = randomBlob(200);
    const path = pathOf(await chunk(b, await b.upload(), bytes.subarray(0, 100), 0));
    await chunk(b, path, randomBlob(10), 500);
    const status = await b.send("GET", path);
    const next = await chunk(b, pathOf(status), bytes.subarray(100), 100);
    expect((await b.send("PUT", withQuery(pathOf(next), { digest: sha256(bytes) }), { headers: { "content-length": "0" } })).status).toBe(
      201,
    );
  },
  "an out-of-order last chunk with PUT is 416": async (b) => {
    const bytes = randomBlob(200);
    const put = await b.send("PUT", withQuery(await b.upload(), { digest: sha256(bytes) }), {
      headers: { ...octets, "content-range": "100-199" },
      body: bytes.subarray(100),
    });
    expect(put.status).toBe(416);
  },
  "GET says how far it is": async (b) => {
    const path = pathOf(await chunk(b, await b.upload(), randomBlob(123), 0));
    const status = await b.send("GET", path);
    expect([status.status, status.headers["range"]]).toEqual([204, "0-122"]);
  },
  "GET of a fresh upload is 204": async (b) => expect((await b.send("GET", await b.upload())).status).toBe(204),
  "GET of an unknown upload is 404": async (b) =>
    expect((await b.send("GET", `/v2/${b.repository}/blobs/uploads/00000000-0000-4000-8000-000000000000`)).status).toBe(404),
  "Content-Range that is none is 416": async (b) =>
    expect((await b.send("PATCH", await b.upload(), { headers: { ...octets, "content-range": "abc" }, body: randomBlob(3) })).status).toBe(
      416,
    ),
  "Content-Range that ends before it starts is 416": async (b) =>
    expect((await b.send("PATCH", await b.upload(), { headers: { ...octets, "content-range": "9-0" }, body: randomBlob(10) })).status).toBe(
      416,
    ),
  "Content-Range that lies about the length is 4xx": async (b) => {
    const answer = await b.send("PATCH", await b.upload(), { headers: { ...octets, "content-range": "0-99" }, body: randomBlob(10) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  },
  "a body longer than Content-Range is 4xx and adds nothing": async (b) => {
    const path = await b.upload();
    const pieces = (async function* () {
      yield randomBlob(50);
      yield randomBlob(50);
    })();
    const answer = await b.send("PATCH", path, { headers: { ...octets, "content-range": "0-9" }, body: pieces });
    expect([400, 416]).toContain(answer.status);
    expect((await b.send("GET", path)).headers["range"]).toBe("0-0");
  },
  "a last chunk out of order leaves the upload where it was": async (b) => {
    const bytes = randomBlob(300);
    const path = pathOf(await chunk(b, await b.upload(), bytes.subarray(0, 100), 0));
    const put = await b.send("PUT", withQuery(path, { digest: sha512(bytes) }), {
      headers: { ...octets, "content-range": "200-299" },
      body: bytes.subarray(200),
    });
    const status = await b.send("GET", path);
    expect([put.status, status.status, status.headers["range"]]).toEqual([416, 204, "0-99"]);
  },
  "a wrong digest at the end is 400": async (b) => {
    const path = pathOf(await chunk(b, await b.upload(), randomBlob(10), 0));
    expect((await b.send("PUT", withQuery(path, { digest: sha256("no") }), { headers: { "content-length": "0" } })).status).toBe(400);
  },
  "an upload of another repository is 404": async (b) => {
    const path = (await b.upload()).replace(b.repository, b.other);
    expect((await b.send("PATCH", path, { headers: octets, body: randomBlob(10) })).status).toBe(404);
  },
});

const cancel = of("Cancel a blob upload", {
  "DELETE ends the upload": async (b) => {
    const path = await b.upload();
    expect((await b.send("DELETE", path)).status).toBe(204);
    expect((await b.send("GET", path)).status).toBe(404);
  },
  "DELETE of an unknown upload is 404": async (b) =>
    expect((await b.send("DELETE", `/v2/${b.repository}/blobs/uploads/00000000-0000-4000-8000-000000000000`)).status).toBe(404),
});

const mount = of("Mounting a blob from another repository", {
  "a blob is mounted from another repository": async (b) => {
    const bytes = randomBlob();
    const digest = await b.blob(bytes, b.other);
    const post = await b.send("POST", `/v2/${b.repository}/blobs/uploads/?mount=${digest}&from=${b.other}`);
    expect([post.status, post.headers["docker-content-digest"]]).toEqual([201, digest]);
    expect((await b.send("GET", pathOf(post))).body.equals(bytes)).toBe(true);
  },
  "without from it is mounted from wherever it is": async (b) => {
    const digest = await b.blob(randomBlob(), b.other);
    expect((await b.send("POST", `/v2/${b.repository}/blobs/uploads/?mount=${digest}`)).status).toBe(201);
  },
  "a sha512 blob is mounted": async (b) => {
    const bytes = randomBlob();
    await b.blob(bytes, b.other, sha512(bytes));
    expect((await b.send("POST", `/v2/${b.repository}/blobs/uploads/?mount=${sha512(bytes)}&from=${b.other}`)).status).toBe(201);
  },
  "an unknown blob starts an upload": async (b) => {
    const post = await b.send("POST", `/v2/${b.repository}/blobs/uploads/?mount=${sha256("none")}&from=${b.other}`);
    expect(post.status).toBe(202);
    const bytes = randomBlob();
    expect((await b.send("PUT", withQuery(pathOf(post), { digest: sha256(bytes) }), { headers: octets, body: bytes })).status).toBe(201);
  },
  "an unknown repository starts an upload": async (b) =>
    expect((await b.send("POST", `/v2/${b.repository}/blobs/uploads/?mount=${sha256("none")}&from=no/such`)).status).toBe(202),
  "a malformed digest or repository starts an upload": async (b) => {
    for (const query of ["mount=sha256:zz", `mount=${sha256("x")}&from=..%2f..`])
      expect((await b.send("POST", `/v2/${b.repository}/blobs/uploads/?${query}`)).status).toBe(202);
  },
});

export const BLOB_CASES: Case[] = [...monolithic, ...chunked, ...cancel, ...mount];
