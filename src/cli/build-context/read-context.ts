import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { BerthError } from "../../shared/domain/index.ts";
import { type IgnoreRules, ignoreRules } from "./dockerignore.ts";

export interface BuildContext {
  tar: Readable;
  /** Path of the Dockerfile inside the context. */
  dockerfile: string;
}

/**
 * The folder as a tar, in a fixed order and owned by root, so that the same files give the same bytes.
 * @throws BerthError invalid_request when the folder or the Dockerfile is not there
 */
export async function readContext(folder: string, file: string | undefined): Promise<BuildContext> {
  const root = resolve(folder);
  if (!(await isKind(root, "isDirectory"))) throw new BerthError("invalid_request", `${folder} is not a folder`);
  const dockerfile = await findDockerfile(root, file);
  const rules = await readIgnoreRules(root, dockerfile);
  const always = new Set([dockerfile, ".dockerignore"]);
  const tar = pack();
  addFolder(tar, root, "", { ...rules, ignores: (path) => !always.has(path) && rules.ignores(path) }).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  return { tar: Readable.from(tar, { objectMode: false }), dockerfile };
}

/** As Docker: -f is taken from here, and then from the context. */
async function findDockerfile(root: string, file: string | undefined): Promise<string> {
  const candidates = file === undefined ? [join(root, "Dockerfile")] : [resolve(file), join(root, file)];
  for (const candidate of candidates) {
    const inside = relative(root, candidate);
    if (!inside.startsWith("..") && (await isKind(candidate, "isFile"))) return inside;
  }
  throw new BerthError("invalid_request", `no Dockerfile at ${candidates.join(" or ")}`, {
    details: { hint: "name it with -f; it must lie inside the context" },
  });
}

async function readIgnoreRules(root: string, dockerfile: string): Promise<IgnoreRules> {
  for (const name of [`${dockerfile}.dockerignore`, ".dockerignore"]) {
    const path = join(root, name);
    if (await isKind(path, "isFile")) return ignoreRules(await readFile(path, "utf8"));
  }
  return ignoreRules("");
}

async function addFolder(tar: Pack, root: string, folder: string, rules: IgnoreRules): Promise<void> {
  const names = (await readdir(join(root, folder))).sort();
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    await addEntry(tar, root, path, rules);
  }
}

async function addEntry(tar: Pack, root: string, path: string, rules: IgnoreRules): Promise<void> {
  const entry = await lstat(join(root, path));
  const header = { name: path, mode: entry.mode & 0o7777, mtime: entry.mtime, uid: 0, gid: 0 };
  const ignored = rules.ignores(path);
  if (entry.isDirectory()) {
    if (!ignored) tar.entry({ ...header, name: `${path}/`, type: "directory" });
    if (!ignored || !rules.prunes(path)) await addFolder(tar, root, path, rules);
  } else if (ignored) {
    return;
  } else if (entry.isSymbolicLink()) {
    tar.entry({ ...header, type: "symlink", linkname: await readlink(join(root, path)) });
  } else if (entry.isFile()) {
    await addFile(tar, join(root, path), { ...header, size: entry.size });
  }
  // Sockets, devices and FIFOs are no content; Docker leaves sockets out and hangs on FIFOs.
}

/** A file that grows or shrinks meanwhile must not tear the archive: exactly `size` bytes or an error. */
async function addFile(tar: Pack, path: string, header: { name: string; size: number }): Promise<void> {
  if (header.size === 0) {
    tar.entry(header, "");
    return;
  }
  await pipeline(createReadStream(path, { end: header.size - 1 }), tar.entry(header)).catch((cause: unknown) => {
    throw new BerthError("invalid_request", `${header.name} could not be read, or changed while it was sent`, { cause });
  });
}

async function isKind(path: string, kind: "isFile" | "isDirectory"): Promise<boolean> {
  return stat(path).then(
    (entry) => entry[kind](),
    () => false,
  );
}
