import { readFile } from "node:fs/promises";

/** One line of /proc/PID/mountinfo (proc(5)). */
export interface Mount {
  id: number;
  parentId: number;
  /** The folder of the file system that is mounted. */
  root: string;
  mountPoint: string;
  options: string[];
  /** "shared:1", "master:2"; empty for a private mount. */
  propagation: string[];
  fsType: string;
  source: string;
  superOptions: string[];
}

/** In the order they were mounted: the last of several at one place is the visible one. */
export async function readMounts(pid: number | "self" = "self"): Promise<Mount[]> {
  return parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, "utf8"));
}

/** Lines that do not read as mountinfo are left out. */
export function parseMountInfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const separator = fields.indexOf("-", 6);
    const [id, parentId, , root, mountPoint, options] = fields;
    const [fsType, source, superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
    if (id === undefined || parentId === undefined || root === undefined || mountPoint === undefined || fsType === undefined) return [];
    return {
      id: Number(id),
      parentId: Number(parentId),
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      options: splitOptions(options),
      propagation: fields.slice(6, separator),
      fsType,
      source: unescapeOctal(source ?? ""),
      superOptions: splitOptions(superOptions),
    };
  });
}

/** Mounts at `folder` and below it, in the order to unmount them: what is mounted on another before that other. */
export function mountsBelow(mounts: readonly Mount[], folder: string): Mount[] {
  const parents = new Map(mounts.map(({ id, parentId }) => [id, parentId]));
  return mounts
    .map((mount, index) => ({ mount, index, depth: depthOf(mount.id, parents) }))
    .filter(({ mount: { mountPoint } }) => mountPoint === folder || mountPoint.startsWith(`${folder}/`))
    .sort((one, other) => other.depth - one.depth || other.index - one.index)
    .map(({ mount }) => mount);
}

/** A mount's id is reused after its end, so a torn reading could hold a loop: the count is bounded. */
function depthOf(id: number, parents: ReadonlyMap<number, number>): number {
  let depth = 0;
  for (let parent = parents.get(id); parent !== undefined && depth < parents.size; parent = parents.get(parent)) depth++;
  return depth;
}

function splitOptions(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.split(",");
}

/** The kernel writes blank, tab, newline and backslash as \040 and so on. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
