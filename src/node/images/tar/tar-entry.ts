export type TarEntryType = "file" | "directory" | "symlink" | "link" | "character" | "block" | "fifo";

/** One member of a tar archive, extension headers applied. */
export interface TarEntry {
  type: TarEntryType;
  /** As written in the archive: may be absolute or hold "..". */
  path: string;
  /** Target of a symbolic or hard link; "" for others. */
  linkPath: string;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of the body; 0 unless a file. */
  size: number;
  /** Nanoseconds since the epoch; may be negative. */
  mtimeNs: bigint;
  /** From SCHILY.xattr.*: values are bytes, not text. */
  xattrs: Record<string, Buffer>;
}

export const TAR_BLOCK = 512;

/** Bytes of padding after a body of `size`. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}
