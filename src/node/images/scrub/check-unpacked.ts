import { randomBytes } from "node:crypto";
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Native, syncFolder, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import type { StorePaths } from "../paths.ts";
import { sealOfTree } from "./seal-tree.ts";
import type { Throttle } from "./throttle.ts";

/** What became of an unpacked layer: the first look seals it, each later one compares. */
export type UnpackedCheck = "sealed" | "whole" | "damaged";

/** Chain IDs of the layers that are unpacked here. */
export async function unpackedLayers(paths: StorePaths): Promise<string[]> {
  return (await readdir(paths.layers)).filter((name) => /^[a-f0-9]{64}$/.test(name)).map((hex) => `sha256:${hex}`);
}

export async function checkUnpacked(
  ports: { paths: StorePaths; native: Native; throttle: Throttle },
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
  await writeFileDurably(sealFile, found);
  return "sealed";
}

/** Takes an unpacked layer away, so that the next start unpacks it anew from its blob. */
export async function quarantineUnpacked(paths: StorePaths, chainId: string): Promise<void> {
  const hex = chainId.slice("sha256:".length);
  await rename(paths.layer(chainId), join(paths.quarantine, `layer-${hex}-${randomBytes(4).toString("hex")}`));
  await syncFolder(paths.layers);
}
