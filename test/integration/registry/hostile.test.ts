import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bench, openPool } from "../../contract/registry/harness.ts";
import { openTestRegistry, randomBlob, sha256, type TestRegistry } from "../../support/registry-server.ts";

let registry: TestRegistry;
let pool: ReturnType<typeof openPool>;
let bench: Bench;

beforeAll(async () => {
  registry = await openTestRegistry();
  pool = openPool(registry.url);
  bench = new Bench(pool, 0);
  await bench.image("one");
});
afterAll(async () => {
  await pool.close();
  await registry.remove();
});

/** A request line as it is, which no client library sends. Returns the status, 0 without one. */
function raw(line: string, headers = "", body = ""): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(registry.port, "127.0.0.1", () =>
      socket.end(Buffer.from(`${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n${body}`, "latin1")),
    );
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    // A server that closes with bytes of ours unread resets the connection after its answer; without an answer the status is 0.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)));
  });
}

const ZERO = "0".repeat(64);
const TRAVERSALS = [
  "/v2/../../../etc/passwd/manifests/x",
  "/v2/%2e%2e%2f%2e%2e%2fetc/manifests/x",
  "/v2/cases/r0/manifests/%2e%2e",
  "/v2/cases/r0/manifests/..",
  "/v2/cases/r0/manifests/%2fetc%2fpasswd",
  "/v2/cases/r0/manifests/one%00",
  "/v2/cases/r0/manifests/%",
  "/v2/cases/r0/manifests/%zz",
  "/v2/cases%2fr0/manifests/one",
  "/v2/cases//r0/manifests/one",
  "/v2/cases/./r0/manifests/one",
  "/v2/cases\\r0/manifests/one",
  "/v2/cases/r0/blobs/sha256:../../../etc/passwd",
  "/v2/cases/r0/blobs/sha256:%2e%2e%2fx",
  `/v2/cases/r0/blobs/sha256:${"A".repeat(64)}`,
  `/v2/cases/r0/blobs/sha256:${ZERO}0`,
  `/v2/cases/r0/blobs/SHA256:${ZERO}`,
  `/v2/cases/r0/blobs/md5:${"0".repeat(32)}`,
  `/v2/cases/r0/blobs/sha256-${ZERO}`,
  "/v2/cases/r0/blobs/sha512:00",
  "/v2/cases/r0/blobs/",
  "/v2/cases/r0/blobs/:",
  "/v2/cases/r0/blobs/uploads/../../x",
  "/v2/cases/r0/blobs/uploads/..%2f..%2fx",
  "/v2/cases/r0/blobs/uploads/00000000-0000-4000-8000-00000000000G",
  "/v2/cases/r0/referrers/sha256:..",
  "/v2/c\u00e4ses/r0/manifests/one",
  "/v2/cases/r0/manifests/\u00ff\u00fe",
  "/v2/_berth/blobs/../x",
  "/v2/_berth/blobs/sha256:zz",
  `/v2/${"a/".repeat(4000)}b/manifests/x`,
];

test.each(TRAVERSALS)("GET %s is 4xx", async (path) => {
  const status = await raw(`GET ${path}`);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
});

test.each(TRAVERSALS)("DELETE %s is 4xx and takes nothing", async (path) => {
  const status = await raw(`DELETE ${path}`);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect((await bench.get("manifests/one")).status).toBe(200);
});

test.each(["2147483648", "-1", "NaN", "1e3", "0x10", "1 OR 1", "99999999999999999999"])(
  "_catalog?n=%s is bounded or 400 (CVE-2023-2253)",
  async (n) => {
    const answer = await bench.send("GET", `/v2/_catalog?n=${encodeURIComponent(n)}`);
    expect([200, 400]).toContain(answer.status);
  },
);

test.each(["bytes=5-1", "bytes=a-b", "bytes=-", "bytes=", "chunks=0-1", "bytes=1", `bytes=${"9".repeat(100)}-`, "bytes=0-0,-"])(
  "Range: %s is 4xx or the whole",
  async (range) => {
    const digest = await bench.blob();
    expect([200, 416]).toContain((await bench.get(`blobs/${digest}`, { range })).status);
  },
);

test.each(["0-", "-1", "a-b", "0-1-2", "0-99999999999999999999", "bytes 5-9/3/4", "0x0-0x9", " ", "0-9, 10-19"])(
  "Content-Range: %s is 4xx and adds nothing",
  async (range) => {
    const path = await bench.upload();
    const answer = await bench.send("PATCH", path, { headers: { "content-range": range }, body: randomBlob(10) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect((await bench.send("GET", path)).headers["range"]).toBe("0-0");
  },
);

test.each([
  ["content-length: abc\r\n", "x"],
  ["content-length: -5\r\n", "x"],
  ["content-length: 5\r\ncontent-length: 6\r\n", "12345"],
  ["content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"],
  ["transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"],
  ["transfer-encoding: chunked\r\n", "zz\r\nx\r\n"],
])("a PATCH with %j is refused by 4xx or the end of the connection", async (headers, body) => {
  const path = await bench.upload();
  const status = await raw(`PATCH ${path}`, headers, body);
  expect(status === 0 || (status >= 400 && status < 500), String(status)).toBe(true);
});

test.each([
  "",
  ";",
  "application/",
  "a/b; charset",
  "\tapplication/json",
  "text/html",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
])("a manifest with Content-Type %j is 4xx or taken by its own mediaType", async (type) => {
  const { bytes } = await bench.manifest();
  const { status } = await bench
    .send("PUT", `/v2/${bench.repository}/manifests/typed`, { headers: { "content-type": type }, body: bytes })
    .catch(() => ({ status: 400 }));
  expect(status === 201 || (status >= 400 && status < 500), String(status)).toBe(true);
});

test.each(["__proto__", "constructor", "prototype", "toString"])("a manifest with the key %s changes nothing", async (key) => {
  const { bytes } = await bench.manifest();
  const text = `${bytes.toString().slice(0, -1)},${JSON.stringify(key)}:{"polluted":true}}`;
  expect((await bench.put("proto", Buffer.from(text))).status).toBe(201);
  expect((await bench.get("tags/list")).status).toBe(200);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test.each(["__proto__", "constructor", "hasownproperty"])("a repository or a tag called %s is like any other", async (name) => {
  const answer = await bench.send("GET", `/v2/${name}/tags/list`);
  expect([400, 404]).toContain(answer.status);
  expect((await bench.get(`manifests/${name}`)).status).toBe(404);
});

test("10,001 layers are refused, 499 are taken", async () => {
  const { document } = await bench.manifest();
  const [layer] = document["layers"] as object[];
  expect((await bench.put("many", { ...document, layers: Array.from({ length: 10_001 }, () => layer) })).status).toBe(400);
  expect((await bench.put("some", { ...document, layers: Array.from({ length: 499 }, () => layer) })).status).toBe(201);
});

test("a lie about a blob's size is refused", async () => {
  const { document } = await bench.manifest();
  const [layer] = document["layers"] as { size: number }[];
  expect((await bench.put("lie", { ...document, layers: [{ ...layer, size: (layer?.size ?? 0) + 1 }] })).status).toBe(400);
});

test("a body without end is cut off at the manifest limit", async () => {
  const endless = (async function* () {
    for (;;) yield Buffer.alloc(65_536, 0x20);
  })();
  const answer = await bench.send("PUT", `/v2/${bench.repository}/manifests/endless`, { body: endless }).catch(() => ({ status: 413 }));
  expect(answer.status).toBe(413);
  expect((await bench.send("GET", "/v2/")).status).toBe(200);
});

test("two requests that finish one upload at once make one blob and no 5xx", async () => {
  const bytes = randomBlob();
  const path = await bench.upload();
  await bench.send("PATCH", path, { body: bytes });
  const finish = () => bench.send("PUT", `${path}?digest=${sha256(bytes)}`, { headers: { "content-length": "0" } });
  const statuses = (await Promise.all([finish(), finish(), finish()])).map(({ status }) => status).sort();
  expect(statuses[0]).toBe(201);
  expect(statuses.every((status) => status < 500)).toBe(true);
  expect((await bench.get(`blobs/${sha256(bytes)}`)).body.equals(bytes)).toBe(true);
});
