import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./exec.ts";

/** Unpacks the image of an oci-archive into one folder. */
export async function unpackArchive(archive: string, rootfs: string): Promise<void> {
  const work = await mkdtemp(`${rootfs}-archive-`);
  try {
    await must("tar", ["-xf", archive, "-C", work]);
    const json = async (path: string) => JSON.parse(await readFile(join(work, path), "utf8"));
    const blob = (digest: string): string => join("blobs", digest.replace(":", "/"));
    const manifest = await json(blob((await json("index.json")).manifests[0].digest));
    await mkdir(rootfs);
    for (const layer of manifest.layers) await must("tar", ["-xf", join(work, blob(layer.digest)), "-C", rootfs]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
