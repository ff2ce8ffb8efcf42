import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { digestOfHex } from "../../../shared/oci/index.ts";
import { type Native, removeUnfinished, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import { createStoreLock } from "../content/store-lock.ts";
import type { StorePaths } from "../paths.ts";
import { sealOfTree } from "./seal-tree.ts";
import type { Throttle } from "./throttle.ts";

/** What became of an unpacked layer: the first look seals it, each later one compares. */
export type UnpackedCheck = "sealed" | "whole" | "damaged";

/** Chain IDs of the layers that are unpacked here. */
export async function unpackedLayers(paths: StorePaths): Promise<string[]> {
  return (await readdir(paths.layers)).map(digestOfHex).filter((chainId) => chainId !== null);
}

export async function checkUnpacked(
  ports: { paths: StorePaths; native: Native; clock: Clock; throttle: Throttle },
  chainId: string,
  signal: AbortSignal,
): Promise<UnpackedCheck> {
  const sealFile = join(ports.paths.layer(chainId), "seal");
  const found = await sealOfTree(ports.native, ports.paths.layerFiles(chainId), ports.throttle, signal);
  const expected = await readFile(sealFile, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  });
  if (expected !== null) return expected === found ? "whole" : "damaged";
  // One at a time: another scrub's half written seal must not be taken for a leftover.
  await createStoreLock({ ...ports, path: ports.paths.lockFile }).run(async () => {
    await removeUnfinished(sealFile);
    await writeFileDurably(sealFile, found);
  });
  return "sealed";
}
