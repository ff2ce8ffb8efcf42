import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImageStore, type ImageStore } from "../../src/node/images/index.ts";
import { loadNative } from "../../src/node/platform/index.ts";
import { type Registry, startRegistry } from "../../src/node/registry/index.ts";
import { type Clock, systemClock } from "../../src/shared/domain/index.ts";
import { silentLogger } from "../../src/shared/observe/index.ts";

export interface TestRegistry {
  url: string;
  port: number;
  dataDir: string;
  store: ImageStore;
  /** As after SIGTERM and a new start; the port may change. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** Our registry over an image store of its own; `config` is its config.json, `users` its users file. */
export async function openTestRegistry(options: { config?: object; users?: string; clock?: Clock } = {}): Promise<TestRegistry> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-registry-"));
  const folder = join(dataDir, "registry");
  await mkdir(folder, { mode: 0o700 });
  if (options.config) await writeFile(join(folder, "config.json"), JSON.stringify(options.config));
  if (options.users) await writeFile(join(folder, "users"), options.users);
  const native = loadNative();
  const clock = options.clock ?? systemClock();
  const store = await createImageStore({ dataDir, native, clock });
  const start = (): Promise<Registry> =>
    startRegistry({ dataDir, listen: { host: "127.0.0.1", port: 0 }, native, clock, log: silentLogger() });
  let registry = await start();
  return {
    get url() {
      return `http://127.0.0.1:${registry.port}`;
    },
    get port() {
      return registry.port;
    },
    dataDir,
    store,
    async restart() {
      await registry.close();
      registry = await start();
    },
    async remove() {
      await registry.close();
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export const sha256 = (bytes: Uint8Array | string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const sha512 = (bytes: Uint8Array | string): string => `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
export const randomBlob = (size = 512): Buffer => randomBytes(size);
