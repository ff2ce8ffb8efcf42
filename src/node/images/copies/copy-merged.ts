import type { EntryMetadata, Native, ReadableRoot } from "../../platform/index.ts";
import { joined, lookUp, type MergedEntry, namesIn } from "../export/merged-layers.ts";
import { type CopyTarget, copyEntry, copyMetadata } from "./copy-entry.ts";

/** Copies what a stack of layers shows, top first, into an empty folder. */
export async function copyMerged(
  native: Native,
  layers: readonly string[],
  to: string,
  owners: (metadata: EntryMetadata) => EntryMetadata,
): Promise<void> {
  const root = await native.openRoot(to);
  const opened: ReadableRoot[] = [];
  try {
    for (const layer of layers) opened.push(await native.openRoot(layer));
    const top = await lookUp(opened, "");
    if (top !== null) await copyFolder({ to: root, owners, firstNames: new Map() }, "", top);
  } finally {
    for (const open of [root, ...opened]) open.close();
  }
}

async function copyFolder(target: CopyTarget, folder: string, { root, stat, folders }: MergedEntry): Promise<void> {
  for (const name of await namesIn(folders, folder)) {
    const path = joined(folder, name);
    const found = await lookUp(folders, path);
    if (found?.stat.kind === "directory") {
      await target.to.mkdir(path, 0o700);
      await copyFolder(target, path, found);
    } else if (found !== null) await copyEntry(target, found.root, path, found.stat);
  }
  await copyMetadata(target, root, folder, stat);
}
