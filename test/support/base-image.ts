import { createWriteStream, readFileSync } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { bootstrapImage, createImageStore } from "../../src/node/images/index.ts";
import { loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";

/** The machine's own distribution ("debian:bookworm"): its mirrors and keys are here already. */
export const BASE_IMAGE = ownDistribution(readFileSync("/etc/os-release", "utf8"));
const INCLUDE = ["python3-numpy"];

/** The folder that outlives test runs: $BERTH_TEST_CACHE, or .cache in the repository. */
export function testCacheDir(): string {
  return process.env.BERTH_TEST_CACHE ?? join(packageRoot(), ".cache");
}

/**
 * An oci-archive of BASE_IMAGE with python3-numpy, made once with mmdebstrap (needs root and the host's package
 * mirror; under a minute) and kept in the cache. Load it with `store.load(createReadStream(path), ...)`.
 */
export async function ensureBaseImage(): Promise<string> {
  const archive = join(testCacheDir(), `base-image-${BASE_IMAGE.replace(":", "-")}-numpy-1.tar`);
  if (await exists(archive)) return archive;
  const dataDir = join(testCacheDir(), "base-image-store");
  await mkdir(dataDir, { recursive: true });
  const native = loadNative();
  const store = await createImageStore({ dataDir, native, clock: systemClock() });
  const signal = new AbortController().signal;
  try {
    const places = { store, dataDir, native, clock: systemClock() };
    await bootstrapImage({ reference: BASE_IMAGE, include: INCLUDE, ...places, progress: () => undefined, signal });
    await pipeline(await store.save([BASE_IMAGE], signal), createWriteStream(`${archive}.${process.pid}.tmp`));
    await rename(`${archive}.${process.pid}.tmp`, archive);
    return archive;
  } finally {
    await store.close();
    // The packages stay for the next time; the image is in the archive.
    for (const part of ["blobs", "layers", "ingest", "images.json"]) await rm(join(dataDir, part), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function ownDistribution(osRelease: string): string {
  const value = (name: string) => new RegExp(`^${name}="?([a-z]+)"?$`, "m").exec(osRelease)?.[1] ?? "";
  return `${value("ID")}:${value("VERSION_CODENAME")}`;
}
