import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Authority,
  certificateEnd,
  issueCertificate,
  makeAuthority,
  makeKey,
  makeRequest,
  nodeHost,
  readAuthority,
} from "../../../shared/certificates/index.ts";
import type { Clock } from "../../../shared/domain/index.ts";
import { createSecretFile } from "../../../shared/files/index.ts";

/** Certificate and key of a CA that the operator brings; for several control planes, and for Kubernetes Secrets. */
export interface CaFiles {
  certificate: string;
  key: string;
}

export interface ServerCertificate {
  /** PEM: its own, then the CA's. */
  chain: string;
  key: string;
  endsAt: number;
}

/** Who says which server and which nodes belong to this cluster. Made when first needed: one machine alone needs none. */
export interface ClusterCa {
  authority(): Promise<Authority>;
  /** A certificate for the key of the request; whose it is says the caller, not the request. @throws BerthError invalid_request */
  issueNode(nodeId: string, request: string): Promise<string>;
  issueServer(names: readonly string[]): Promise<ServerCertificate>;
}

/** Clocks of machines differ by less. */
const BACKDATED_MS = 10 * 60_000;
export const NODE_LIFETIME_MS = 4 * 3_600_000;
const SERVER_LIFETIME_MS = 30 * 86_400_000;

export interface ClusterCaOptions {
  /** <data-dir>/control: the CA's own files are cluster-ca.pem and, while openssl runs, openssl/. */
  folder: string;
  files: CaFiles | null;
  clock: Clock;
  /** Milliseconds that a node's certificate is valid; it renews it when two thirds are over. */
  nodeLifetimeMs?: number;
}

/**
 * Reads nothing yet.
 * @throws BerthError (each call) missing_requirement without openssl, invalid_request for files that are no CA
 */
export function createClusterCa(options: ClusterCaOptions): ClusterCa {
  const { folder, files, clock, nodeLifetimeMs = NODE_LIFETIME_MS } = options;
  const scratch = join(folder, "openssl");
  let known: Promise<Authority> | null = null;
  let last: Promise<unknown> = Promise.resolve();
  // One openssl at a time: a thousand nodes that join at once must not become a thousand processes.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const authority = () => {
    known ??= openAuthority(folder, files, scratch, clock).catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
  return {
    authority,
    async issueNode(nodeId, request) {
      const by = await authority();
      const dates = { from: clock.now() - BACKDATED_MS, to: clock.now() + nodeLifetimeMs };
      const wishes = { subject: nodeId, names: [nodeHost(nodeId)], usage: "node" as const, ...dates };
      return inTurn(() => issueCertificate(by, request, wishes, scratch));
    },
    async issueServer(names) {
      const by = await authority();
      const key = makeKey();
      const dates = { from: clock.now() - BACKDATED_MS, to: clock.now() + SERVER_LIFETIME_MS };
      const wishes = { subject: "berth-control-plane", names, usage: "server" as const, ...dates };
      const certificate = await inTurn(async () => issueCertificate(by, await makeRequest(key, scratch), wishes, scratch));
      return { chain: certificate + by.certificate, key, endsAt: certificateEnd(certificate) };
    },
  };
}

async function openAuthority(folder: string, files: CaFiles | null, scratch: string, clock: Clock): Promise<Authority> {
  if (files !== null) return readAuthority(files.certificate, files.key);
  // What a killed process left there.
  await rm(scratch, { recursive: true, force: true });
  const path = join(folder, "cluster-ca.pem");
  if (!(await exists(path))) await createSecretFile(path, await makeAuthority(clock.now(), scratch));
  return readAuthority(path, path);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
