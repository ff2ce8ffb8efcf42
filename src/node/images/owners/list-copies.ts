import { join } from "node:path";
import { digestOfHex } from "../../../shared/oci/index.ts";
import { namesIn } from "../content/probe-path.ts";
import type { StorePaths } from "../paths.ts";

/** An unpacked layer, or a copy of one. */
export interface LayerFolder {
  chainId: string;
  /** Its files are in fs/ there. */
  folder: string;
}

/** The finished copies of layers with the ids of user namespaces, those of every mapping. */
export async function chownedCopies(paths: StorePaths): Promise<LayerFolder[]> {
  const copies: LayerFolder[] = [];
  for (const mapping of (await namesIn(paths.chownedLayers)).sort()) {
    for (const hex of (await namesIn(join(paths.chownedLayers, mapping))).sort()) {
      const chainId = digestOfHex(hex);
      if (chainId !== null) copies.push({ chainId, folder: join(paths.chownedLayers, mapping, hex) });
    }
  }
  return copies;
}
