import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess } from "../../../src/shared/oci/index.ts";
import type { Bench } from "../../contract/registry/harness.ts";
import { bearer, guardedRegistries, push } from "../../support/guarded-registry.ts";
import { randomBlob, sha256, sha512 } from "../../support/registry-server.ts";

const { guarded } = guardedRegistries();

test("a blob is not mounted from a repository that the caller may not read, named or not", async () => {
  const { bench } = await guarded();
  const bytes = randomBlob();
  await push(bench, await bearer(bench, "bob", "b secret", "repository:b/y:pull,push"), "b/y", bytes);
  const ann = await bearer(bench, "ann", "a secret", "repository:a/x:pull,push", "repository:b/y:pull");
  for (const query of [`mount=${sha256(bytes)}&from=b/y`, `mount=${sha256(bytes)}`])
    expect((await bench.send("POST", `/v2/a/x/blobs/uploads/?${query}`, { headers: ann })).status).toBe(202);
  expect((await bench.send("GET", `/v2/a/x/blobs/${sha256(bytes)}`, { headers: ann })).status).toBe(404);
  const root = await bearer(bench, "root", "r", "repository:a/x:pull,push", "repository:b/y:pull");
  expect((await bench.send("POST", `/v2/a/x/blobs/uploads/?mount=${sha256(bytes)}&from=b/y`, { headers: root })).status).toBe(201);
});

// "Mounting a blob from another repository" of the distribution spec: 201, or 202 with an upload session. The token protocol has a scope for
// each repository; clients that mount ask for both.
describe("a mount", () => {
  const bytes = randomBlob();
  const digests = [sha256(bytes), sha512(bytes)];
  const target = "repository:a/x:pull,push";
  const mount = (bench: Bench, headers: Record<string, string>, digest: string, from: string) =>
    bench.send("POST", `/v2/a/x/blobs/uploads/?mount=${digest}${from === "" ? "" : `&from=${from}`}`, { headers });
  const pushed = async (config: object = {}) => {
    const { bench } = await guarded(config);
    const headers = await bearer(bench, "root", "r", "repository:base/cuda:pull,push");
    for (const digest of digests)
      expect((await bench.send("POST", `/v2/base/cuda/blobs/uploads/?digest=${digest}`, { headers, body: bytes })).status).toBe(201);
    return bench;
  };

  test("with a token for both repositories links the blob, whether the source is named or not", async () => {
    const bench = await pushed();
    const headers = await bearer(bench, "ann", "a secret", target, "repository:base/cuda:pull", "repository:a/x:delete");
    for (const digest of digests) {
      for (const from of ["base/cuda", ""]) {
        const answer = await mount(bench, headers, digest, from);
        expect([answer.status, answer.headers["location"]], from).toEqual([201, `/v2/a/x/blobs/${digest}`]);
        expect((await bench.send("GET", `/v2/a/x/blobs/${digest}`, { headers })).body).toEqual(bytes);
        expect((await bench.send("DELETE", `/v2/a/x/blobs/${digest}`, { headers })).status).toBe(202);
      }
    }
  });

  test("with a token for the target alone opens an upload, which takes the bytes, as where there is no such blob", async () => {
    const bench = await pushed();
    const headers = await bearer(bench, "ann", "a secret", target, "repository:a/x:delete");
    for (const digest of digests) {
      for (const from of ["base/cuda", "", "no/such"]) {
        const answer = await mount(bench, headers, digest, from);
        expect([answer.status, answer.headers["range"], answer.headers["docker-content-digest"]], from).toEqual([202, "0-0", undefined]);
        expect((await bench.send("HEAD", `/v2/a/x/blobs/${digest}`, { headers })).status).toBe(404);
        const end = `${String(answer.headers["location"])}?digest=${digest}`;
        expect((await bench.send("PUT", end, { headers, body: bytes })).status).toBe(201);
        expect((await bench.send("DELETE", `/v2/a/x/blobs/${digest}`, { headers })).status).toBe(202);
      }
    }
  });

  test("without the right to push to the target is refused; where anybody may pull it needs no more than that", async () => {
    const bench = await pushed({ anonymousPull: true });
    const [digest = ""] = digests;
    const reading = await bearer(bench, "ann", "a secret", "repository:a/x:pull", "repository:base/cuda:pull");
    const answer = await mount(bench, reading, digest, "base/cuda");
    expect([answer.status, String(answer.headers["www-authenticate"])]).toEqual([401, expect.stringContaining(`scope="${target}"`)]);
    expect((await mount(bench, await bearer(bench, "ann", "a secret", target), digest, "base/cuda")).status).toBe(201);
  });
});

test("a client that may not read where a blob is sends it, and one that may has it mounted", async () => {
  const { bench, registry } = await guarded();
  const bytes = randomBlob();
  await push(bench, await bearer(bench, "root", "r", "repository:base/cuda:pull,push"), "base/cuda", bytes);
  const blob = { digest: sha256(bytes), size: bytes.byteLength, open: () => Readable.from([bytes]), elsewhere: ["base/cuda"] };
  const access = createRegistryAccess({ env: { HOME: "/nonexistent" }, clock: systemClock() });
  const sending = async (name: string, password: string, repository: string) => {
    const host = `127.0.0.1:${registry.port}`;
    const client = await access.clientFor(`${host}/${repository}`, { kind: "password", username: name, password });
    return client.uploadBlob(repository, blob, new AbortController().signal);
  };
  expect([await sending("ann", "a secret", "a/x"), await sending("bob", "b secret", "b/y")]).toEqual(["mounted", "uploaded"]);
  await access.close();
});
