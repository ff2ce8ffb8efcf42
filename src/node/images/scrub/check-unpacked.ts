import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { type Native, removeUnfinished, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import { createStoreLock } from "../content/store-lock.ts";
import type { StorePaths } from "../paths.ts";
import { sealOfTree } from "./seal-tree.ts";
import type { Throttle } from "./throttle.ts";

/** What became of an unpacked layer: the first look seals it, each later one compares. */
export type UnpackedCheck = "sealed" | "whole" | "damaged";

/** @param layer the folder of an unpacked layer or of a copy of one */
export async function checkUnpacked(
  ports: { paths: StorePaths; native: Native; clock: Clock; throttle: Throttle },
  layer: string,
  signal: AbortSignal,
): Promise<UnpackedCheck> {
  const sealFile = join(layer, "seal");
  const found = await sealOfTree(ports.native, join(layer, "fs"), ports.throttle, signal);
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
