import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Image, ImageStore } from "../../src/node/images/index.ts";
import { platformArchitecture } from "../../src/shared/oci/index.ts";

const run = promisify(execFile);
export const HOST_IMAGE = "host-programs:latest";

/**
 * An image of this machine's own programs and the libraries they are linked with: a glibc image where nothing can be
 * downloaded. `programs` are absolute paths; they lie in /bin of the image under their own names. `alsoFor`: files that are not in it
 * but will be, and need libraries of the C library's family too.
 */
export async function addHostImage(images: ImageStore, programs: readonly string[], alsoFor: readonly string[] = []): Promise<Image> {
  const rootfs = await mkdtemp(join(tmpdir(), "berth-host-image-"));
  try {
    for (const folder of ["bin", "dev", "etc", "proc", "sys", "tmp", "usr/bin", "usr/local"])
      await mkdir(join(rootfs, folder), { recursive: true });
    for (const program of programs) await cp(await realpath(program), join(rootfs, "bin", basename(program)));
    for (const library of await librariesOf([...programs, ...alsoFor])) {
      await mkdir(join(rootfs, dirname(library)), { recursive: true });
      await cp(await realpath(library), join(rootfs, library));
    }
    await symlink("/proc/mounts", join(rootfs, "etc/mtab"));
    return await commit(images, rootfs);
  } finally {
    await rm(rootfs, { recursive: true, force: true });
  }
}

/** Absolute paths as the loader finds them, the loader itself included; a driver's own come with the driver. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const program of programs) {
    const { stdout } = await run("ldd", [program]).catch(() => ({ stdout: "" }));
    for (const match of stdout.matchAll(/(?:=>\s+|^\s*)(\/\S+)\s+\(0x/gm))
      if (match[1] && !/nvidia|cuda/.test(match[1])) found.add(match[1]);
  }
  return found;
}

async function commit(images: ImageStore, rootfs: string): Promise<Image> {
  const tar = spawn("tar", ["--numeric-owner", "--owner=0", "--group=0", "-C", rootfs, "-cf", "-", "."], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { descriptor, diffId } = await images.addLayer(tar.stdout, new AbortController().signal);
  return images.commit({
    config: {
      architecture: platformArchitecture(),
      os: "linux",
      config: { Env: ["PATH=/bin:/usr/bin"], Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: [diffId] },
    },
    layers: [descriptor],
    reference: HOST_IMAGE,
  });
}
