import { mkdir, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { BerthError, type Clock, pause } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import { createStoreLock, storePaths } from "../images/index.ts";
import { lockFile, type Native } from "../platform/index.ts";
import { createApiTokenCheck } from "./auth/api-token.ts";
import { type Authorizer, createAuthorizer, OPEN } from "./auth/authorizer.ts";
import { createTokenSigner, readOrMakeKey } from "./auth/token-signer.ts";
import { createPasswordCheck } from "./auth/users.ts";
import { isLoopback, type RegistryConfig, readRegistryConfig } from "./config.ts";
import { createServer } from "./http/server.ts";
import { createManifestBytes } from "./manifests/manifest-bytes.ts";
import { type RegistryPaths, registryPaths } from "./registry-paths.ts";
import { createBlobFiles } from "./repositories/blob-files.ts";
import { openRepositories } from "./repositories/repositories.ts";
import type { RegistryParts } from "./routes/context.ts";
import { openUploadSessions } from "./uploads/upload-sessions.ts";

export interface RegistryOptions {
  /** The node's; its image store has been opened before, so the store's folders are there. */
  dataDir: string;
  /** Port 0 takes a free one. */
  listen: { host: string; port: number };
  native: Pick<Native, "tryLock">;
  clock: Clock;
  log: Logger;
}

export interface Registry {
  host: string;
  port: number;
  close(): Promise<void>;
}

const SWEEP_MS = 10 * 60 * 1000;
const UPLOAD_AGE_MS = 24 * 3600 * 1000;

/**
 * Serves the OCI distribution API over the node's image store until it is closed. What operators set lies in
 * <data-dir>/registry/config.json.
 * @throws BerthError data_dir_locked (another server has this data dir), invalid_request (config.json)
 */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { dataDir, listen, log } = options;
  const paths = registryPaths(dataDir);
  await mkdir(paths.repositories, { recursive: true, mode: 0o700 });
  const lock = await lockFile(options, paths.lock);
  const ended = new AbortController();
  try {
    const config = await readRegistryConfig(paths.config);
    const parts = await composeParts(options, paths, config);
    const app = createServer(parts, { tls: await readTls(config), publicUrl: config.publicUrl ?? null, log });
    await app.listen(listen);
    const swept = sweepUntil(parts, log, ended.signal);
    const { port } = app.server.address() as AddressInfo;
    log.info({ host: listen.host, port, auth: authOf(config, listen.host), mode: config.mode ?? "read-write" }, "registry ready");
    return {
      host: listen.host,
      port,
      async close() {
        ended.abort();
        await app.close();
        await swept;
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function composeParts(
  { dataDir, listen, native, clock, log }: RegistryOptions,
  paths: RegistryPaths,
  config: RegistryConfig,
): Promise<RegistryParts> {
  const store = storePaths(dataDir);
  const files = createBlobFiles(store, createStoreLock({ path: store.lockFile, native, clock }));
  const repositories = await openRepositories({ paths, files, clock });
  const mode = config.mode ?? "read-write";
  if (authOf(config, listen.host) === "none" && !isLoopback(listen.host))
    log.warn({ host: listen.host }, "the registry asks nobody who they are");
  return {
    repositories,
    files,
    uploads: await openUploadSessions({ paths, repositories, clock }),
    manifests: createManifestBytes(files),
    authorizer: await authorizerFor(config, listen.host, paths, clock),
    modes: { push: mode === "read-write", delete: mode !== "read-only" && (config.delete ?? true) },
    clock,
  };
}

/** As docker's registry on loopback; anything that others can reach is closed until the operator opens it. */
function authOf(config: RegistryConfig, host: string): "none" | "token" {
  return config.auth ?? (isLoopback(host) ? "none" : "token");
}

async function authorizerFor(config: RegistryConfig, host: string, paths: RegistryPaths, clock: Clock): Promise<Authorizer> {
  if (authOf(config, host) === "none") return OPEN;
  return createAuthorizer({
    signer: createTokenSigner(await readOrMakeKey(paths.tokenKey), clock),
    checkPassword: createPasswordCheck(paths.users),
    checkApiToken: config.apiUrl === undefined ? null : createApiTokenCheck(config.apiUrl, await readApiCa(config)),
    anonymousPull: config.anonymousPull ?? false,
    clock,
  });
}

async function readApiCa({ apiCa }: RegistryConfig): Promise<string | null> {
  return apiCa === undefined ? null : readPem(apiCa);
}

function readPem(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new BerthError("invalid_request", `cannot read ${path} of the registry's tls`, { cause: error });
  });
}

async function readTls({ tls }: RegistryConfig) {
  if (tls === undefined) return null;
  const read = readPem;
  return { cert: await read(tls.cert), key: await read(tls.key), ca: tls.clientCa === undefined ? null : await read(tls.clientCa) };
}

async function sweepUntil({ uploads, repositories, clock }: RegistryParts, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const [ended, blobs] = [await uploads.sweep(UPLOAD_AGE_MS), await repositories.sweep()];
      if (ended + blobs > 0) log.info({ uploads: ended, blobs }, "old pushes removed");
    } catch (error) {
      log.error({ err: error }, "cannot remove old pushes");
    }
    await pause(clock, SWEEP_MS, signal);
  }
}
