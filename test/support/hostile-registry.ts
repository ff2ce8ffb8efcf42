import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { type TarMember, writeTar } from "../../src/node/images/index.ts";
import { digestOf, MEDIA_TYPES } from "../../src/shared/oci/index.ts";

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
}

/** The digest of bytes; sha256 when left out. */
type NameContent = (bytes: Buffer) => string;

/** True when it has answered, or means never to. */
type Misbehave = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** A registry of plain HTTP on loopback that serves ranges, until a test makes it misbehave. */
export interface HostileRegistry {
  /** "127.0.0.1:<port>" */
  host: string;
  requests: SeenRequest[];
  /** Asked before everything else. */
  misbehave: Misbehave;
  ranges: boolean;
  /** GET /v2/<any>/blobs/<digest> */
  blobs: Map<string, Buffer>;
  /** GET /v2/<any>/manifests/<key>: tags and digests. */
  manifests: Map<string, { bytes: Buffer; type: string }>;
  addBlob(bytes: Buffer, name?: NameContent): { digest: string; size: number };
  /** Under its digest, and under `tag`. Returns the digest. */
  addManifest(document: object | Buffer, type: string, tag?: string, name?: NameContent): string;
  /** An image of one file a layer. */
  addImage(tag: string, layers: readonly Buffer[]): string;
  seen(method: string, part: string): SeenRequest[];
  stop(): Promise<void>;
}

export async function startHostileRegistry(): Promise<HostileRegistry> {
  const server = createServer((request, response) => answer(registry, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const registry: HostileRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    misbehave: () => false,
    ranges: true,
    blobs: new Map(),
    manifests: new Map(),
    addBlob(bytes, name = digestOf) {
      const digest = name(bytes);
      registry.blobs.set(digest, bytes);
      return { digest, size: bytes.byteLength };
    },
    addManifest(document, type, tag, name = digestOf) {
      const bytes = Buffer.isBuffer(document) ? document : Buffer.from(JSON.stringify(document));
      const digest = name(bytes);
      for (const key of tag === undefined ? [digest] : [digest, tag]) registry.manifests.set(key, { bytes, type });
      return digest;
    },
    addImage: (tag, layers) => registry.addManifest(imageManifest(registry, layers), MEDIA_TYPES.manifest, tag),
    seen: (method, part) => registry.requests.filter((request) => request.method === method && request.path.includes(part)),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

/** A manifest whose config and layers (uncompressed tars) the registry has. */
export function imageManifest(registry: HostileRegistry, layers: readonly Buffer[], name: NameContent = digestOf) {
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map((layer) => name(layer)) },
  };
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: { mediaType: MEDIA_TYPES.config, ...registry.addBlob(Buffer.from(JSON.stringify(config)), name) },
    layers: layers.map((layer) => ({ mediaType: MEDIA_TYPES.layer, ...registry.addBlob(layer, name) })),
  };
}

/** A layer of one file of random bytes. */
export async function randomLayer(size: number, path = "file"): Promise<Buffer> {
  const member: TarMember = {
    entry: { type: "file", path, linkPath: "", mode: 0o644, uid: 0, gid: 0, size, mtimeNs: 0n, xattrs: {} },
    body: [randomBytes(size)],
  };
  const chunks: Buffer[] = [];
  for await (const chunk of Readable.from(writeTar([member]))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function answer(registry: HostileRegistry, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  registry.requests.push({ method: request.method ?? "", path, headers: request.headers });
  if (registry.misbehave(request, response, path)) return;
  const [, kind, key = ""] = /\/(blobs|manifests)\/([^/?]+)$/.exec(path) ?? [];
  if (path === "/v2/") response.end("{}");
  else if (kind === "manifests") serveManifest(registry.manifests.get(key), response);
  else if (kind === "blobs") serveBlob(registry, registry.blobs.get(key), request, response);
  else response.writeHead(404).end();
}

function serveManifest(manifest: { bytes: Buffer; type: string } | undefined, response: ServerResponse): void {
  if (manifest === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  else response.writeHead(200, { "content-type": manifest.type, "content-length": manifest.bytes.byteLength }).end(manifest.bytes);
}

function serveBlob({ ranges }: HostileRegistry, blob: Buffer | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (blob === undefined) return void response.writeHead(404).end();
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  if (!ranges || first === undefined) return void response.writeHead(200, { "content-length": blob.byteLength }).end(blob);
  const end = last ? Number(last) + 1 : blob.byteLength;
  const headers = { "content-range": `bytes ${first}-${end - 1}/${blob.byteLength}`, "content-length": end - Number(first) };
  response.writeHead(206, headers).end(blob.subarray(Number(first), end));
}
