import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryClient, createTransport, digestOf, type RegistryConfig, type Transport } from "../../../src/shared/oci/index.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { neverAborted } from "../../support/test-store.ts";

const MIB = 1024 * 1024;
let folder: string;
const transports: Transport[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-client-"));
});
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(folder, { recursive: true, force: true });
});

function clientOf(registry: string, config: RegistryConfig = {}, env: Record<string, string> = {}) {
  const transport = createTransport({ env, certificateFolders: [folder] });
  transports.push(transport);
  const clock = systemClock();
  const retry = { clock, random: () => 0, attempts: 3, baseMs: 1, longestMs: 1 };
  return createRegistryClient({ registry, config, transport, clock, credentialFor: async () => null, retry });
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A certificate for a name, signed by itself. */
async function certificate(name: string): Promise<{ cert: string; key: string }> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  await promisify(execFile)("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    key,
    "-out",
    cert,
    "-days",
    "2",
    ...subject,
  ]);
  return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
}

const MANIFEST = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [], config: {} }));
const serve = (request: IncomingMessage, response: import("node:http").ServerResponse) =>
  void response.end(request.url === "/v2/" ? "{}" : MANIFEST);

test("a proxy is used for what is not exempt; a private authority is trusted for its own registry alone", async () => {
  const name = "registry.test";
  const tls = await certificate(name);
  const port = await listen(createTlsServer(tls, serve) as unknown as Server);
  const tunnelled: string[] = [];
  const proxy = createServer().on("connect", (request: IncomingMessage, client, head) => {
    tunnelled.push(request.url ?? "");
    const upstream = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 ok\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  const env = { HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}`, NO_PROXY: ".internal" };
  const host = `${name}:${port}`;

  await expect(clientOf(host, {}, env).manifest("a", "1", neverAborted())).rejects.toMatchObject({
    code: "registry_unavailable",
    details: { lasting: true },
  });
  await mkdir(join(folder, host));
  await writeFile(join(folder, host, "ca.crt"), tls.cert);
  const manifest = await clientOf(host, {}, env).manifest("a", "1", neverAborted());
  expect(manifest.bytes).toEqual(MANIFEST);
  expect(tunnelled).toContain(host);
  expect((await clientOf(`other.test:${port}`, { insecure: [`other.test:${port}`] }, env).manifest("a", "1", neverAborted())).kind).toBe(
    "manifest",
  );
});

test("the loopback needs no certificate: HTTPS is tried unchecked, then HTTP", async () => {
  const secure = await listen(createTlsServer(await certificate("whatever"), serve) as unknown as Server);
  const plain = await listen(createServer(serve));
  for (const port of [secure, plain]) {
    expect((await clientOf(`127.0.0.1:${port}`).manifest("a", "1", neverAborted())).digest).toBe(digestOf(MANIFEST));
  }
});

test("a mirror is asked first; one that fails or lies costs nothing but the try", async () => {
  const [mirror, origin] = await Promise.all([startHostileRegistry(), startHostileRegistry()]);
  try {
    const layer = await randomLayer(100);
    const digest = origin.addImage("1", [layer]);
    const config = { mirrors: { [origin.host]: [`http://${mirror.host}`] } };
    expect((await clientOf(origin.host, config).manifest("app", "1", neverAborted())).digest).toBe(digest);
    mirror.manifests.set(digest, { bytes: Buffer.from('{"schemaVersion":2,"layers":[]}'), type: "application/json" });
    expect((await clientOf(origin.host, config).manifest("app", digest, neverAborted())).digest).toBe(digest);
    mirror.addImage("1", [layer]);
    origin.requests.length = 0;
    await clientOf(origin.host, config).manifest("app", "1", neverAborted());
    expect(origin.requests).toEqual([]);
  } finally {
    await Promise.all([mirror.stop(), origin.stop()]);
  }
});

test("a big blob goes up in pieces, and is whole at the other end", async () => {
  const registry = await startDockerRegistry();
  try {
    const bytes = Buffer.alloc(70 * MIB, "berth ");
    const open = ({ from, to }: { from: number; to: number }) => Readable.from([bytes.subarray(from, to)], { objectMode: false });
    const blob = { digest: digestOf(bytes), size: bytes.byteLength, open, elsewhere: [] };
    const client = clientOf(registry.host);
    expect(await client.uploadBlob("big", blob, neverAborted())).toBe("uploaded");
    expect(await client.uploadBlob("big", blob, neverAborted())).toBe("exists");
    const got = Buffer.from(await (await fetch(`http://${registry.host}/v2/big/blobs/${blob.digest}`)).arrayBuffer());
    expect(got.equals(bytes)).toBe(true);
  } finally {
    await registry.stop();
  }
});

test("an upload whose connection breaks asks the registry how far it got, and goes on from there", async () => {
  const bytes = Buffer.alloc(70 * MIB, "berth ");
  const kept: Buffer[] = [];
  const size = () => kept.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const asked: string[] = [];
  let broken = false;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers["content-range"] ?? ""}`.trim());
    const location = { location: "/v2/big/blobs/uploads/1" };
    if (request.method === "PATCH") {
      request.on("data", (chunk: Buffer) => {
        if (!broken && size() + chunk.byteLength > 10 * MIB) {
          broken = true;
          request.socket.destroy();
        } else if (!request.socket.destroyed) kept.push(chunk);
      });
      request.on("end", () => response.writeHead(202, location).end());
    } else if (request.method === "GET" && request.url?.includes("uploads")) {
      response.writeHead(204, { ...location, range: `0-${size() - 1}` }).end();
    } else {
      const status = { GET: 200, HEAD: 404, POST: 202, PUT: 201 }[request.method ?? ""] ?? 500;
      response.writeHead(status, location).end();
    }
  });
  const open = ({ from, to }: { from: number; to: number }) => Readable.from([bytes.subarray(from, to)], { objectMode: false });
  const blob = { digest: digestOf(bytes), size: bytes.byteLength, open, elsewhere: [] };
  const client = clientOf(`127.0.0.1:${await listen(server)}`);
  expect(await client.uploadBlob("big", blob, neverAborted())).toBe("uploaded");
  expect(Buffer.concat(kept).equals(bytes)).toBe(true);
  expect(asked.filter((line) => line.startsWith("PATCH 0-"))).toHaveLength(1);
});
