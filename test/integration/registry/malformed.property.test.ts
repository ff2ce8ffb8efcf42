import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bench, openPool } from "../../contract/registry/harness.ts";
import { runs } from "../../support/property-runs.ts";
import { openTestRegistry, sha256, sha512, type TestRegistry } from "../../support/registry-server.ts";

let registry: TestRegistry;
let pool: ReturnType<typeof openPool>;
let bench: Bench;
/** A push in flight, for requests that get that far. */
let session: string;

beforeAll(async () => {
  registry = await openTestRegistry();
  pool = openPool(registry.url);
  bench = new Bench(pool, 0);
  await bench.image("one");
  session = (await bench.upload()).split("/").at(-1)?.split("?")[0] ?? "";
});
afterAll(async () => {
  await pool.close();
  await registry.remove();
});

interface Message {
  method: string;
  path: string;
  headers: readonly (readonly [string, string])[];
  body: Uint8Array;
}

/** As it is: no client library sends such things. Resolves to the whole answer. */
function send({ method, path, headers, body }: Message): Promise<string> {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.byteLength}\r\n${lines}\r\n`;
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(registry.port, "127.0.0.1", () => socket.write(Buffer.concat([Buffer.from(head, "latin1"), body])));
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    // A server that refuses before it has read all resets the connection; what it said came before.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

/** What the parser of HTTP lets through in a request line and a header. */
const character = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const text = fc.string({ unit: character, maxLength: 40 });
const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEFg"), maxLength: 140 });
const digest = fc.oneof(
  fc.constantFrom(
    sha256("{}"),
    sha512("{}"),
    sha256(""),
    "sha256:",
    "sha512:",
    ":",
    "sha256",
    "sha256:..",
    "sha512:../x",
    "md5:00",
    "sha256+b64:x",
  ),
  fc
    .tuple(fc.constantFrom("sha256", "sha512", "sha384", "SHA256", "", "blake3"), hex)
    .map(([algorithm, digits]) => `${algorithm}:${digits}`),
  text,
);
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constant("cases/r0") },
  fc.constantFrom("cases/none", "", "/", "a//b", "..", "A", "_catalog", "cases/r0/..", "cases/r0/blobs", `${"a".repeat(256)}`, "a%2fb"),
  text,
);
const reference = fc.oneof(fc.constantFrom("one", "none", "", ".", "..", "-x", `${"t".repeat(129)}`), digest, text);
const upload = fc.oneof(
  fc.constantFrom("", "x", "00000000-0000-4000-8000-000000000000"),
  { weight: 2, arbitrary: fc.constant(null) },
  text,
);
const range = fc.oneof(
  fc.constantFrom(
    "0-0",
    "5-1",
    "-",
    "0-",
    "-1",
    "bytes=0-0",
    "bytes=5-1",
    "bytes=-0",
    "bytes=-",
    "bytes 0-1/2",
    `0-${"9".repeat(30)}`,
    "0-9,5-7",
  ),
  fc.tuple(fc.integer(), fc.double()).map(([first, last]) => `${first}-${last}`),
  text,
);
const query = fc.array(
  fc.tuple(
    fc.constantFrom("n", "last", "digest", "mount", "from", "tag", "artifactType", "digest-algorithm", "scope", "service", "_state"),
    fc.oneof(digest, name, fc.integer().map(String), fc.constantFrom("sha512", "%", "%zz", "%00", "&", "#"), text),
  ),
  { maxLength: 4 },
);
const header = fc.oneof(
  fc.tuple(fc.constantFrom("range", "content-range"), range),
  fc.tuple(
    fc.constantFrom("content-type", "accept"),
    fc.oneof(fc.constantFrom("application/vnd.oci.image.manifest.v1+json", ";", "a/b; =", "*"), text),
  ),
  fc.tuple(
    fc.constantFrom("authorization", "if-none-match", "if-range", "content-encoding"),
    fc.oneof(fc.constantFrom("Bearer x", "Basic !", '"'), text),
  ),
);
const path = fc
  .tuple(
    fc.oneof(
      fc.tuple(name, reference).map(([repository, what]) => `${repository}/manifests/${what}`),
      fc.tuple(name, digest).map(([repository, what]) => `${repository}/blobs/${what}`),
      fc.tuple(name, upload).map(([repository, id]) => `${repository}/blobs/uploads/${id ?? session}`),
      fc.tuple(name, digest).map(([repository, what]) => `${repository}/referrers/${what}`),
      name.map((repository) => `${repository}/tags/list`),
      fc.constantFrom("_catalog", "token", ""),
      text,
    ),
    query,
  )
  .map(([place, pairs]) => `/v2/${place}${pairs.length > 0 ? "?" : ""}${pairs.map(([key, value]) => `${key}=${value}`).join("&")}`);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.json({ maxDepth: 3 }).map((json) => Buffer.from(json)),
  fc
    .record(
      {
        schemaVersion: fc.constantFrom(2, 1, "2"),
        config: fc.anything(),
        layers: fc.anything(),
        manifests: fc.anything(),
        subject: fc.anything(),
      },
      { requiredKeys: [] },
    )
    .map(documentOf),
);
const message: fc.Arbitrary<Message> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
  path,
  headers: fc.uniqueArray(header, { maxLength: 4, selector: ([key]) => key }),
  body,
});

/** What JSON cannot say (a bigint, a loop) is no document. */
function documentOf(value: unknown): Buffer {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return Buffer.from("{");
  }
}

test("whatever is asked, the answer is never 5xx, and a refusal says why as the spec has it", async () => {
  await fc.assert(
    fc.asyncProperty(message, async (asked) => {
      const answer = await send(asked);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(500);
      const [, said = ""] = answer.split(/\r\n\r\n(.*)/s);
      if (status >= 400 && said !== "")
        expect(JSON.parse(said)).toMatchObject({ errors: [{ code: expect.any(String), message: expect.any(String) }] });
    }),
    { numRuns: runs(400) },
  );
  expect((await bench.send("GET", "/v2/")).status).toBe(200);
});
