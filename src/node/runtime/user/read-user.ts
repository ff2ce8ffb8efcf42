import { close as closeFd, read as readFd } from "node:fs";
import { promisify } from "node:util";
import { BerthError } from "../../../shared/domain/index.ts";
import type { NativeRoot } from "../../platform/index.ts";
import type { ResolvedUser } from "../spec-input.ts";
import { resolveUser } from "./resolve-user.ts";

const read = promisify(readFd);
const close = promisify(closeFd);
const MAX_FILE_BYTES = 4 * 2 ** 20;

/**
 * Resolves USER from the image's files. They are read through the root handle: a symbolic link in the image cannot
 * make the agent read the host's files, and the host's user database is never asked.
 * @throws BerthError image_invalid
 */
export async function readUser(root: NativeRoot, user: string): Promise<ResolvedUser> {
  const [passwd, group] = await Promise.all([readText(root, "etc/passwd"), readText(root, "etc/group")]);
  return resolveUser(user, passwd, group);
}

/** "" when the image has no such file. */
async function readText(root: NativeRoot, path: string): Promise<string> {
  const fd = await root.openFile(path, true).catch((error: NodeJS.ErrnoException) => {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EINVAL", "EISDIR"].includes(error.code ?? "")) return null;
    throw error;
  });
  if (fd === null) return "";
  try {
    return await readAll(fd, path);
  } finally {
    await close(fd);
  }
}

async function readAll(fd: number, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024);
    const { bytesRead } = await read(fd, chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks).toString("utf8");
    total += bytesRead;
    if (total > MAX_FILE_BYTES) throw new BerthError("image_invalid", `/${path} of the image is larger than ${MAX_FILE_BYTES} bytes`);
    chunks.push(chunk.subarray(0, bytesRead));
  }
}
