export { createImageStore } from "./image-store.ts";
export { storePaths } from "./paths.ts";
export type { StorePaths } from "./paths.ts";
export { createSnapshots } from "./snapshots/snapshots.ts";
export { readTar } from "./tar/read-tar.ts";
export type { TarEntry, TarEntryType } from "./tar/tar-entry.ts";
export { writeTar } from "./tar/write-tar.ts";
export type { TarMember } from "./tar/write-tar.ts";
export type { Descriptor, Image, ImageConfig, ImageStore, Progress, Snapshots, StoredLayer } from "./types.ts";
