import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { entryOf, findFolder, type LayeredFolder, namesOf } from "../../layer/layered-files.ts";
import { type CompatNote, type ReadAt, readCompatNote } from "./compat-note.ts";
import type { CompatLibraries } from "./decide-compat.ts";

/** Where NVIDIA's cuda-compat packages put them (/usr/local/cuda is a link to /usr/local/cuda-X.Y). */
const COMPAT_FOLDER = "usr/local/cuda/compat";
const LIBCUDA = /^libcuda\.so\.(\d{1,5}(?:\.\d{1,5}){1,3})$/;
/** It becomes part of LD_LIBRARY_PATH and a line of ld.so.conf.d, where other characters would mean something. */
const PLAIN_PATH = /^[\w./+-]{1,512}$/;
/** The user-space driver that libcuda comes with; nothing else of the folder may replace anything. */
const LOADER_NAME = /^(?:libcuda|libcudadebugger|libnvidia-(?:ptxjitcompiler|nvvm|pkcs11|pkcs11-openssl3|gpucomp|tileiras))\.so\.\d{1,3}$/;

/**
 * The forward compatibility libraries of an image, read from its unpacked layers as data: links are followed inside the image
 * only, nothing is mounted and nothing run. Null when there are none, or more than one libcuda: then nobody can say which is meant.
 */
export async function findCompatLibraries(lowerDirs: readonly string[]): Promise<CompatLibraries | null> {
  const folder = await findFolder(lowerDirs, COMPAT_FOLDER);
  if (folder === null || !PLAIN_PATH.test(folder.path)) return null;
  const names = await namesOf(folder);
  const found = (await Promise.all(names.filter((name) => LIBCUDA.test(name)).map((name) => regularFile(folder, name)))).filter(
    (file) => file !== null,
  );
  const [libcuda] = found;
  if (libcuda === undefined || found.length > 1) return null;
  return {
    folder: folder.path,
    version: LIBCUDA.exec(libcuda.name)?.[1] ?? "",
    note: await noteOf(libcuda.hostPath),
    names: await present(
      folder,
      names.filter((name) => LOADER_NAME.test(name)),
    ),
  };
}

async function regularFile(folder: LayeredFolder, name: string): Promise<{ name: string; hostPath: string } | null> {
  const entry = await entryOf(folder, name);
  return entry.kind === "file" ? { name, hostPath: entry.file.hostPath } : null;
}

/** Whited-out names are no libraries. */
async function present(folder: LayeredFolder, names: readonly string[]): Promise<string[]> {
  const entries = await Promise.all(names.map(async (name) => ({ name, entry: await entryOf(folder, name) })));
  return entries.filter(({ entry }) => entry.kind === "file" || entry.kind === "link").map(({ name }) => name);
}

async function noteOf(path: string): Promise<CompatNote | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await readCompatNote(reader(file, (await file.stat()).size));
  } finally {
    await file.close();
  }
}

function reader(file: FileHandle, size: number): ReadAt {
  return async (offset, length) => {
    if (length === 0 || offset + length > size) return null;
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return bytesRead === length ? buffer : null;
  };
}
