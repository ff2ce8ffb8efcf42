import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDigest } from "../../../shared/oci/index.ts";
import type { StorePaths } from "../paths.ts";

/** What lies in the folders of blobs: the digests of blobs, and the paths of files that are none. */
export function foldersOfBlobs(paths: StorePaths): Promise<{ digests: string[]; others: string[] }[]> {
  return Promise.all(
    paths.blobFolders.map(async (folder) => {
      const names = await readdir(folder);
      const digests = names.map((name) => `${basename(folder)}:${name}`);
      return {
        digests: digests.filter(isDigest),
        others: names.filter((_, index) => !isDigest(digests[index] as string)).map((name) => join(folder, name)),
      };
    }),
  );
}
