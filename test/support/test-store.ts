import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createImageStore,
  createImageTools,
  createSnapshots,
  type ImageStore,
  type ImageTools,
  type Snapshots,
  type StorageDriver,
} from "../../src/node/images/index.ts";
import { loadNative, type Native } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";

export interface TestStore {
  dataDir: string;
  store: ImageStore;
  snapshots: Snapshots;
  native: Native;
  /** Another process's view of the same data dir. */
  openAgain(): Promise<ImageStore>;
  /** A container folder whose mount is taken away by `remove`. */
  containerDir(name: string): string;
  remove(): Promise<void>;
}

/** An image store in a temporary folder. */
export async function openTestStore(driver: StorageDriver = "overlay2"): Promise<TestStore> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-store-"));
  const native = loadNative();
  const clock = systemClock();
  const snapshots = createSnapshots({ dataDir, native, clock, driver });
  const stores = [await createImageStore({ dataDir, native, clock })];
  const containers: string[] = [];
  return {
    dataDir,
    store: stores[0] as ImageStore,
    snapshots,
    native,
    async openAgain() {
      const store = await createImageStore({ dataDir, native, clock });
      stores.push(store);
      return store;
    },
    containerDir(name) {
      containers.push(join(dataDir, "containers", name));
      return join(dataDir, "containers", name);
    },
    async remove() {
      for (const container of containers) await snapshots.unmount(container);
      for (const store of stores) await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The tools over that store. */
export function imageToolsOf({ dataDir, native, store, snapshots }: TestStore): ImageTools {
  return createImageTools({ dataDir, native, clock: systemClock(), store, snapshots });
}

export function neverAborted(): AbortSignal {
  return new AbortController().signal;
}
