import { type LayerLimits, type UnpackedLayer, unpackLayer } from "../../src/node/images/unpack/unpack-layer.ts";
import type { NativeRoot } from "../../src/node/platform/index.ts";
import { neverAborted, type TestStore } from "./test-store.ts";

/** Unpacks a tar into `root` as a layer with none below it. */
export function unpackTar(
  { native }: Pick<TestStore, "native">,
  root: NativeRoot,
  tar: AsyncIterable<Uint8Array>,
  limits: LayerLimits,
): Promise<UnpackedLayer> {
  return unpackLayer({ tar, root, native, inherit: async () => null, signal: neverAborted(), limits });
}
