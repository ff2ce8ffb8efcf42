import type { EntryMetadata, EntryStat, Native, ReadableRoot } from "../../platform/index.ts";
import { type CopyTarget, copyEntry, copyMetadata } from "./copy-entry.ts";

/** Copies a layer's folder as it is, whiteouts and opaque marks included, into an empty one. */
export async function copyLayer(
  native: Native,
  from: string,
  to: string,
  owners: (metadata: EntryMetadata) => EntryMetadata,
): Promise<void> {
  const [source, root] = [await native.openRoot(from), await native.openRoot(to)];
  try {
    const stat = await source.stat("");
    if (stat !== null) await copyFolder({ to: root, owners, firstNames: new Map() }, source, "", stat);
  } finally {
    source.close();
    root.close();
  }
}

async function copyFolder(target: CopyTarget, from: ReadableRoot, folder: string, stat: EntryStat): Promise<void> {
  for (const name of await from.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const entry = await from.stat(path);
    if (entry?.kind === "directory") {
      await target.to.mkdir(path, 0o700);
      await copyFolder(target, from, path, entry);
    } else if (entry !== null) await copyEntry(target, from, path, entry);
  }
  await copyMetadata(target, from, folder, stat);
}
