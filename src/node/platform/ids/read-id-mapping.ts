import { readFile } from "node:fs/promises";
import type { IdMapping } from "./id-mapping.ts";
import { resolveIdMapping } from "./resolve-id-mapping.ts";

/** @see resolveIdMapping. A missing file has no entries. */
export async function readIdMapping(option: string): Promise<IdMapping> {
  const [passwd, group, subuid, subgid] = await Promise.all(
    ["passwd", "group", "subuid", "subgid"].map((name) => readOrEmpty(`/etc/${name}`)),
  );
  return resolveIdMapping(option, { passwd: passwd ?? "", group: group ?? "", subuid: subuid ?? "", subgid: subgid ?? "" });
}

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}
