import { chmod, chown, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";
import type { IdMapping } from "../platform/index.ts";

const OTHERS_MAY_SEARCH = 0o001;

/**
 * A runtime reaches the rootfs as the container's root, which is nobody on the host: the folders above must let it pass.
 * Its group alone may, and only pass: others on the host reach no setuid program of an image (CVE-2024-25621), and nothing
 * can be listed.
 */
export async function letSearch(folders: readonly string[], { gid }: IdMapping): Promise<void> {
  for (const folder of folders) {
    await chown(folder, 0, gid);
    await chmod(folder, 0o710);
  }
}

/** @throws BerthError missing_requirement naming the folder above `folder` that lets no other user pass */
export async function checkParents(folder: string): Promise<void> {
  for (let path = dirname(folder); ; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & OTHERS_MAY_SEARCH) === 0) {
      const hint = `chmod o+x ${path}, or choose another --data-dir`;
      throw new BerthError("missing_requirement", `user namespaces: ${path} lets nobody but its owner pass to ${folder}: ${hint}`);
    }
    if (path === dirname(path)) return;
  }
}
