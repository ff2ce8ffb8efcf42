import type { NativeRoot } from "../../platform/index.ts";
import { readSmallFile } from "./read-small-file.ts";

export interface Owner {
  uid: number;
  gid: number;
}

/** (uid_t)-1 means "unchanged" to the kernel. */
const MAX_ID = 2 ** 32 - 2;

/**
 * Reads --chown's "user", "user:group", "uid", "uid:gid"; names by the image's own /etc/passwd and /etc/group, never the
 * host's. Without a group the group ID is the user ID, as the Dockerfile reference says. Throws an Error saying what is wrong.
 */
export async function parseOwner(text: string, root: NativeRoot): Promise<Owner> {
  const match = /^([^:]+)(?::([^:]+))?$/.exec(text);
  if (match === null) throw new Error(`--chown=${text} is not USER[:GROUP]`);
  const uid = await idOf(match[1] as string, root, "etc/passwd");
  return { uid, gid: match[2] === undefined ? uid : await idOf(match[2], root, "etc/group") };
}

async function idOf(name: string, root: NativeRoot, file: string): Promise<number> {
  const text = /^\d+$/.test(name) ? name : nameToId((await readSmallFile(root, file)) ?? "", name);
  const id = text === null ? Number.NaN : Number(text);
  if (!Number.isInteger(id) || id > MAX_ID) throw new Error(`${JSON.stringify(name)} is not an ID and not in the image's /${file}`);
  return id;
}

function nameToId(table: string, name: string): string | null {
  const line = table.split("\n").find((entry) => entry.split(":")[0] === name);
  const id = line?.split(":")[2];
  return id !== undefined && /^\d+$/.test(id) ? id : null;
}
