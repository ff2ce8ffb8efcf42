import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { nodeOfCertificate } from "../../../shared/certificates/index.ts";
import type { Clock } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import { createStoreLock, type ImageStore, storePaths } from "../../images/index.ts";
import type { Native } from "../../platform/index.ts";
import { parseRange } from "../http/parse-range.ts";
import { checkDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { type BlobFiles, createBlobFiles } from "../repositories/blob-files.ts";
import { sendBlob } from "../routes/blob.ts";
import type { PeerIdentity } from "./peer-directory.ts";

export interface PeerServerOptions {
  dataDir: string;
  /** Port 0 takes a free one. */
  listen: { host: string; port: number };
  identity: PeerIdentity;
  images: Pick<ImageStore, "inFlight">;
  native: Pick<Native, "tryLock">;
  clock: Clock;
  log: Logger;
  /** Transfers at a time; more are told to ask again. */
  mostTransfers?: number;
}

export interface PeerServer {
  port: number;
  /** After a renewal; connections that are open stay. */
  useIdentity(identity: PeerIdentity): void;
  close(): Promise<void>;
}

const MOST_TRANSFERS = 16;
const SILENCE_MS = 60_000;

/**
 * Serves the blobs of this node's store to the other nodes of its cluster, read-only: TLS 1.3, and only for who shows a node's
 * certificate of the cluster's CA. A blob that is still being fetched is sent as far as it is there, and on as it comes.
 */
export async function servePeers(options: PeerServerOptions): Promise<PeerServer> {
  const { dataDir, native, clock, log, mostTransfers = MOST_TRANSFERS } = options;
  const paths = storePaths(dataDir);
  const files = createBlobFiles(paths, createStoreLock({ path: paths.lockFile, native, clock }));
  const app = Fastify({
    connectionTimeout: SILENCE_MS,
    forceCloseConnections: true,
    https: tlsOf(options.identity),
    // A sha512 digest is longer than the 100 characters that a parameter may have else.
    routerOptions: { maxParamLength: 200 },
  }) as unknown as FastifyInstance;
  let transfers = 0;
  app.addHook("onRequest", async (request, reply) => {
    if (nodeOf(request) === null) throw new RegistryError("DENIED", "only nodes of this cluster may read this");
    if (transfers >= mostTransfers) throw new RegistryError("TOOMANYREQUESTS", "enough transfers are in progress", { status: 503 });
    transfers += 1;
    reply.raw.once("close", () => {
      transfers -= 1;
    });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof RegistryError ? error.httpStatus : 500;
    if (status >= 500 && status !== 503) log.error({ err: error }, "a peer could not be served");
    return reply.code(status).send({ error: error instanceof RegistryError ? error.message : "internal error" });
  });
  app.get<{ Params: { digest: string } }>("/v1/blobs/:digest", (request, reply) => give(files, options.images, request, reply));
  await app.listen(options.listen);
  const { port } = app.server.address() as AddressInfo;
  log.info({ host: options.listen.host, port }, "blobs are served to peers");
  return {
    port,
    useIdentity: (identity) => (app.server as unknown as { setSecureContext(context: object): void }).setSecureContext(tlsOf(identity)),
    close: () => app.close(),
  };
}

function tlsOf({ certificate, key, ca }: PeerIdentity) {
  return { cert: certificate, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" as const };
}

/** TLS has verified the chain; the CA also signs for servers, which are no peers. */
function nodeOf({ raw }: FastifyRequest): string | null {
  const socket = raw.socket as unknown as { authorized?: boolean; getPeerCertificate?(): Parameters<typeof nodeOfCertificate>[0] };
  if (socket.authorized !== true || socket.getPeerCertificate === undefined) return null;
  return nodeOfCertificate(socket.getPeerCertificate());
}

async function give(
  files: BlobFiles,
  images: Pick<ImageStore, "inFlight">,
  request: FastifyRequest<{ Params: { digest: string } }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { digest } = request.params;
  checkDigest(digest);
  if ((await files.size(digest)) !== null) return sendBlob(files, { request, reply }, digest, digest);
  const growing = images.inFlight(digest);
  const from = growing === null ? 0 : (parseRange(request.headers.range, growing.size)?.start ?? 0);
  // What lies beyond a gap may take as long as all before it: that is asked of somebody else.
  if (growing === null || growing.size === 0 || from > growing.contiguous()) throw new RegistryError("BLOB_UNKNOWN", "not here");
  const last = growing.size - 1;
  return reply
    .code(206)
    .headers({ "berth-growing": "1", "content-range": `bytes ${from}-${last}/${growing.size}`, "content-length": growing.size - from })
    .type("application/octet-stream")
    .send(Readable.from(growing.bytes(from), { objectMode: false }));
}
