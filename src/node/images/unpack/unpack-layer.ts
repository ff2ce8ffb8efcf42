import { BerthError, formatBytes } from "../../../shared/domain/index.ts";
import { createDigester } from "../../../shared/oci/index.ts";
import type { Native, NativeRoot } from "../../platform/index.ts";
import { readTar } from "../tar/read-tar.ts";
import { entryPath } from "./entry-path.ts";
import { createLayerWriter, type InheritMetadata } from "./layer-writer.ts";
import { meaningOf } from "./whiteout.ts";

/** What a layer may do to the disk. */
export interface LayerLimits {
  /** Bytes of the uncompressed tar. */
  bytes: number;
  entries: number;
}

/** Above any image there is; bounds what a bomb of empty files can do to the file system's inodes. */
const MAX_ENTRIES = 5_000_000;
/** Real layers reach 20; deflate ends at 1032, zstd and xz far above: what claims more than this is a bomb. */
const MAX_RATIO = 200;
/** Below it no ratio is suspicious: a small layer may be one file of zeros. */
const HARMLESS_BYTES = 1024 ** 3;

/** @param compressedBytes size of the layer's blob */
export function layerLimits(compressedBytes: number): LayerLimits {
  return { bytes: Math.max(HARMLESS_BYTES, MAX_RATIO * compressedBytes), entries: MAX_ENTRIES };
}

export interface UnpackedLayer {
  /** Digest of the uncompressed tar that was read. */
  diffId: string;
  /** The layer hides everything below it: overlayfs has no mark for that on a root. */
  opaqueRoot: boolean;
}

/**
 * Unpacks one uncompressed layer tar into `root`, an empty folder.
 * @throws BerthError layer_invalid, insufficient_storage
 */
export async function unpackLayer(options: {
  tar: AsyncIterable<Uint8Array>;
  root: NativeRoot;
  native: Pick<Native, "freeBuffer">;
  inherit: InheritMetadata;
  signal: AbortSignal;
  limits: LayerLimits;
  /** What the digest of the tar should be: says its algorithm; sha256 when left out. */
  expected?: string;
}): Promise<UnpackedLayer> {
  const writer = createLayerWriter(options.root, options.inherit, options.native);
  const digester = createDigester(options.expected);
  const { limits } = options;
  let entries = 0;
  async function* digested(): AsyncGenerator<Uint8Array> {
    for await (const chunk of options.tar) {
      options.signal.throwIfAborted();
      digester.update(chunk);
      if (digester.size > limits.bytes)
        throw new BerthError("layer_invalid", `the layer unpacks to more than ${formatBytes(limits.bytes)}: it is a decompression bomb`);
      yield chunk;
    }
  }
  try {
    await readTar(digested(), async (entry, body) => {
      if (++entries > limits.entries) throw new BerthError("layer_invalid", `the layer has more than ${limits.entries} entries`);
      const path = entryPath(entry.path);
      const meaning = meaningOf(path);
      if (meaning.kind === "entry") await writer.add(entry, path, body);
      else if (meaning.kind === "whiteout") await writer.whiteout(meaning.path);
      else if (meaning.kind === "opaque") await writer.opaque(meaning.path);
    });
    const { opaqueRoot } = await writer.finish();
    return { diffId: digester.digest(), opaqueRoot };
  } finally {
    await writer.close();
  }
}
