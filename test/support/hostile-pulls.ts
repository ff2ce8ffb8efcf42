import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { Image } from "../../src/node/images/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import {
  type Credential,
  createRegistryClient,
  createTransport,
  type RegistryClient,
  type RegistryConfig,
  type Transport,
} from "../../src/shared/oci/index.ts";
import { type HostileRegistry, startHostileRegistry } from "./hostile-registry.ts";
import { neverAborted, openTestStore, type TestStore } from "./test-store.ts";

/** Small enough for a test: several connections for a blob of some MiB, and a slow one is noticed. */
export const LIMITS = { connections: 4, windowMs: 20_000, minBytes: 20_000 };

interface PullOptions {
  client?: RegistryClient;
  limits?: typeof LIMITS;
  signal?: AbortSignal;
}

/** Pulls from a registry that misbehaves, with retries that do not wait. New for each test of the file that calls it. */
export interface HostilePulls {
  registry: HostileRegistry;
  store: TestStore;
  /** What the retries would have waited, ms. */
  waits: number[];
  clientOf(credential?: Credential | null, config?: RegistryConfig): RegistryClient;
  /** <registry>/app:<tag> */
  pull(tag?: string, options?: PullOptions): Promise<Image>;
  /** Compares the first layer's blob byte by byte. (`toEqual` takes minutes for megabytes.) */
  isStored(image: Image, layer: Buffer): Promise<boolean>;
}

/** Registers the hooks; the fields are there from the first `beforeEach` on. */
export function hostilePulls(): HostilePulls {
  let transport: Transport;
  const pulls: Partial<HostilePulls> & Pick<HostilePulls, "clientOf" | "pull" | "isStored"> = {
    clientOf(credential = null, config = {}) {
      const { registry, waits } = all;
      const clock = { ...systemClock(), sleep: async (ms: number) => void waits.push(ms) };
      return createRegistryClient({
        registry: registry.host,
        config,
        transport,
        clock: systemClock(),
        credentialFor: async () => credential,
        retry: { clock, random: () => 0.5, attempts: 4, baseMs: 1, longestMs: 1 },
      });
    },
    pull(tag = "1", options = {}) {
      const { client = all.clientOf(), limits = LIMITS, signal = neverAborted() } = options;
      const reference = `${all.registry.host}/app:${tag}`;
      return all.store.store.pull({ reference, platform: null, client, limits }, () => undefined, signal);
    },
    async isStored(image, layer) {
      const blob = await readFile(join(all.store.dataDir, "blobs", "sha256", (image.layers[0]?.digest ?? "").slice(7)));
      return blob.equals(layer);
    },
  };
  const all = pulls as HostilePulls;
  beforeEach(async () => {
    transport = createTransport({ env: {}, certificateFolders: [] });
    Object.assign(pulls, { registry: await startHostileRegistry(), store: await openTestStore(), waits: [] });
  });
  afterEach(async () => {
    await transport.close();
    await all.store.remove();
    await all.registry.stop();
  });
  return all;
}

export const isBlob = (path: string, digest?: string) => path.includes(`/blobs/${digest ?? ""}`);
export const isManifest = (path: string) => path.includes("/manifests/");
