import type { Image, ImageConfig, ImageStore, StoredLayer } from "../../src/node/images/index.ts";
import { tarStream } from "./tar-bytes.ts";
import { neverAborted } from "./test-store.ts";

/** Commits an image of the given layers (raw tar parts, or layers that are stored already), bottom first. */
export async function addLayered(
  store: ImageStore,
  reference: string | null,
  layers: readonly (Buffer[] | StoredLayer)[],
  config: ImageConfig["config"] = {},
  more: Partial<ImageConfig> = {},
): Promise<Image> {
  const stored: StoredLayer[] = [];
  for (const layer of layers) stored.push(Array.isArray(layer) ? await store.addLayer(tarStream(...layer), neverAborted()) : layer);
  return store.commit({
    config: {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: stored.map(({ diffId }) => diffId) },
      ...more,
    },
    layers: stored.map(({ descriptor }) => descriptor),
    reference,
  });
}

/** The layers of an image, to build another one on. */
export function layersOf(image: Image): StoredLayer[] {
  return image.layers.map((descriptor, index) => ({ descriptor, diffId: image.config.rootfs.diff_ids[index] as string }));
}
