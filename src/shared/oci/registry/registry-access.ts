import { readFile, stat } from "node:fs/promises";
import { type Credential, createCredentialStore } from "../../credentials/index.ts";
import { type Clock, parseReference } from "../../domain/index.ts";
import { createClientMemory } from "./client-memory.ts";
import { listNamesHost } from "./hosts.ts";
import { createRegistryClient, type RegistryClient } from "./registry-client.ts";
import { parseRegistryConfig, type RegistryConfig } from "./registry-config.ts";
import { createTransport, type Transport } from "./transport.ts";

/** How this machine reaches registries. */
export interface RegistryAccess {
  /**
   * A client for the registry of a reference. With `credential`, it is what that registry itself is told; mirrors and
   * everything else use what the process's own user is logged in with.
   * @throws BerthError invalid_reference, invalid_request (registries.json, Docker's config.json)
   */
  clientFor(reference: string, credential: Credential | null): Promise<RegistryClient>;
  close(): Promise<void>;
}

export interface RegistryAccessOptions {
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /**
   * Hosts ("host[:port]", ".suffix", CIDR) that may be at other than public addresses, besides the mirrors and insecure registries of
   * registries.json and those that this process's user is logged in to: for whoever asks registries that strangers name. Absent: all may.
   */
  privateHosts?: readonly string[];
}

const CONFIG_FILE = "/etc/berth/registries.json";
const CERTIFICATE_FOLDERS = ["/etc/berth/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"];

/**
 * BERTH_REGISTRIES or /etc/berth/registries.json is read anew for each client: a change needs no restart. Who asks the same
 * registry again as the same user within a minute gets the same client.
 */
export function createRegistryAccess({ env, clock, privateHosts }: RegistryAccessOptions): RegistryAccess {
  const path = env["BERTH_REGISTRIES"] || CONFIG_FILE;
  const transports = new Map<string, Transport>();
  const credentials = createCredentialStore(env);
  const remembered = createClientMemory(clock);
  let newest: RegistryConfig = {};
  const mayBePrivate = async (host: string) => {
    const mirrors = Object.values(newest.mirrors ?? {}).flat();
    const named = [
      ...(privateHosts ?? []),
      ...(newest.insecure ?? []),
      ...mirrors.flatMap((url) => (URL.canParse(url) ? new URL(url).host : [])),
    ];
    return listNamesHost(named, host, false) || (await credentials.find(host)) !== null;
  };
  const guard = privateHosts === undefined ? {} : { mayBePrivate };
  const transportFor = (folders: readonly string[]): Transport => {
    const key = folders.join("\n");
    const known = transports.get(key) ?? createTransport({ env, certificateFolders: [...folders, ...CERTIFICATE_FOLDERS], ...guard });
    transports.set(key, known);
    return known;
  };
  return {
    async clientFor(reference, credential) {
      const { registry } = parseReference(reference);
      const text = await readFile(path, "utf8").catch(emptyWhenAbsent);
      const config = parseRegistryConfig(text, path);
      newest = config;
      const own = registry === "docker.io" ? "registry-1.docker.io" : registry;
      const credentialFor = async (host: string) => (host === own && credential !== null ? credential : credentials.find(host));
      const transport = transportFor(config.certificates ?? []);
      return remembered([registry, text, credential, await versionOf(credentials.path)], () =>
        createRegistryClient({ registry, config, transport, clock, credentialFor }),
      );
    },
    async close() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
    },
  };
}

/** Changes when the file is written anew, as a login does. */
async function versionOf(path: string): Promise<readonly unknown[]> {
  const found = await stat(path).catch(() => null);
  return [found?.ino, found?.mtimeMs, found?.size];
}

function emptyWhenAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return "{}";
  throw error;
}
