import type { Readable } from "node:stream";
import { Readable as Stream } from "node:stream";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import { platformArchitecture } from "../../../shared/oci/index.ts";
import { decompressed } from "../content/compression.ts";
import type { Image, ImageConfig, ImageStore } from "../types.ts";

export interface ImportOptions {
  reference: string | null;
  change: (config: ImageConfig["config"]) => ImageConfig["config"] | Promise<ImageConfig["config"]>;
  message: string | null;
}

/** An image of one layer: the files of a tar, compressed or not. @throws BerthError layer_invalid, insufficient_storage */
export async function importTar(
  { store, clock }: { store: ImageStore; clock: Clock },
  tar: Readable,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<Image> {
  // Before the tar is read: a wrong change must not cost its upload.
  const config = await options.change({});
  const layer = await store.addLayer(Stream.from(decompressed(notEmpty(tar)), { objectMode: false }), signal);
  const created = new Date(clock.now()).toISOString();
  return store.commit({
    config: {
      created,
      architecture: platformArchitecture(),
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created, created_by: "berth import", ...(options.message === null ? {} : { comment: options.message }) }],
    },
    layers: [layer.descriptor],
    reference: options.reference,
  });
}

/** An archive of nothing has its end mark; no byte at all is what a command gives that failed before the pipe. */
async function* notEmpty(tar: Readable): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of tar as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    yield chunk;
  }
  if (bytes === 0) throw new BerthError("layer_invalid", "the tar is empty: look at what made it");
}
