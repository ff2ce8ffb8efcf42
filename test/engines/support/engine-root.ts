import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { testCacheDir } from "../../support/base-image.ts";
import { DEBIAN_KEYRING, debianMirror } from "../../support/debian-mirror.ts";
import { keyedFolder } from "../../support/keyed-cache.ts";

const run = promisify(execFile);
/** Debian 13: Docker 26 and containerd 1.7 know CDI, as Debian 12's 20.10 and 1.6 do not. Debian has no cri-o. */
const SUITE = "trixie";
const PACKAGES = ["docker.io", "docker-cli", "containerd", "runc", "crun", "podman", "busybox-static"];
/** What maintainer scripts and base-files would make; Docker starts a runtime with arguments through a shell. */
const LINKS = { bin: "usr/bin", sbin: "usr/sbin", lib: "usr/lib", lib64: "usr/lib64", "usr/bin/sh": "busybox" };
const FOLDERS = ["proc", "sys", "dev", "run", "tmp", "etc"];
const FILES = {
  "etc/hosts": "127.0.0.1 localhost\n",
  "etc/resolv.conf": "",
  "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
  "etc/group": "root:x:0:\n",
};

/**
 * A root with the container engines of Debian 13, downloaded by mmdebstrap from this machine's own mirror and unpacked: no maintainer
 * script runs, nothing is installed here. Some 10 s the first time, then from the cache. Resolves to the reason where it cannot be had.
 */
export async function ensureEngineRoot(): Promise<{ root: string } | { unavailable: string }> {
  const home = join(testCacheDir(), "engine-roots");
  try {
    return { root: await keyedFolder(home, [SUITE, PACKAGES, LINKS, FILES], unpack) };
  } catch (error) {
    return { unavailable: `Debian's ${SUITE} cannot be had: ${lastLine(error)}` };
  }
}

async function unpack(root: string): Promise<void> {
  const mirror = await debianMirror();
  if (mirror === null) throw new Error("this machine's apt knows no Debian archive");
  const options = ["--mode=root", "--variant=extract", `--include=${PACKAGES.join(",")}`, "--aptopt=Acquire::Retries 2"];
  await run("mmdebstrap", [...options, SUITE, root, `deb [signed-by=${DEBIAN_KEYRING}] ${mirror.uri} ${SUITE} main`], {
    timeout: 300_000,
    maxBuffer: 2 ** 26,
  });
  for (const [name, target] of Object.entries(LINKS)) await symlink(target, join(root, name)).catch(unlessThere);
  for (const name of FOLDERS) await mkdir(join(root, name), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(root, name), text);
}

function lastLine(error: unknown): string | undefined {
  const text = (error as { stderr?: string }).stderr || String(error);
  return text.trim().split("\n").at(-1);
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
