/**
 * What Node cannot do, done by the addon in native/. Every call that may block runs on a worker thread and rejects
 * with an Error whose `code` is the errno's name ("ENOENT"), `syscall` the call and `path` the path.
 */
export interface Native {
  /** mount(2). `flags` are MS_* bits, `data` the option string. */
  mount(source: string, target: string, fstype: string, flags: number, data: string): Promise<void>;
  /** umount2(2). `flags`: 0, MNT_FORCE 1, MNT_DETACH 2, UMOUNT_NOFOLLOW 8. */
  unmount(target: string, flags: number): Promise<void>;
  /**
   * Overlayfs by the new mount API, so any number of layers fits. `lowerDirs` top first. Without `upper` it is read-only.
   */
  mountOverlay(mount: OverlayMount): Promise<void>;
  /** Opens a folder as the root that no path given to the returned writer can leave. */
  openRoot(path: string): Promise<NativeRoot>;
  /** CLOCK_BOOTTIME, milliseconds. Goes on during suspend, not changed by wall-clock steps. */
  bootTimeMs(): number;
  /** flock(LOCK_EX|LOCK_NB) on an open descriptor; false when somebody else holds it. */
  tryLock(fd: number): boolean;
  /** getrlimit(2); Infinity for no limit. */
  rlimit(resource: "nofile" | "memlock" | "nproc" | "core"): { soft: number; hard: number };
  /** pidfd_open + pidfd_send_signal: no signal can reach a recycled pid. False when the process is gone. */
  signalProcess(pid: number, startTimeTicks: string, signal: number): boolean;
  nvml: NativeNvml;
}

export interface OverlayMount {
  lowerDirs: string[];
  upper: string | null;
  work: string | null;
  target: string;
}

export interface EntryMetadata {
  uid: number;
  gid: number;
  /** Permission bits with setuid, setgid and sticky; ignored for symbolic links. */
  mode: number;
  /** Nanoseconds since the epoch. */
  mtimeNs: bigint;
  xattrs: Record<string, Buffer>;
}

/**
 * Writes and reads below one folder. Every path is resolved with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), its last
 * component never followed: a hostile archive, or a process racing with us, cannot reach outside.
 */
export interface NativeRoot {
  mkdir(path: string, mode: number): Promise<void>;
  /** O_WRONLY|O_CREAT|O_EXCL; the umask applies; the caller writes to and closes the descriptor. */
  createFile(path: string, mode: number): Promise<number>;
  /** O_RDONLY, last component followed inside the root when `follow`. Regular files only: else EISDIR, ELOOP, ENXIO. */
  openFile(path: string, follow: boolean): Promise<number>;
  symlink(target: string, path: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  /** `mode` includes the file type (S_IFCHR, S_IFBLK, S_IFIFO). */
  mknod(path: string, mode: number, major: number, minor: number): Promise<void>;
  /** Removes a file or a whole folder; missing is fine. EBUSY when something is mounted inside: that is never emptied. */
  remove(path: string): Promise<void>;
  /** Extended attributes not named stay. */
  setMetadata(path: string, metadata: EntryMetadata): Promise<void>;
  /** Null when there is no such entry. */
  stat(path: string): Promise<EntryStat | null>;
  /** Names and values of extended attributes of the entry itself. */
  xattrs(path: string): Promise<Record<string, Buffer>>;
  /** Names as UTF-8; what is not UTF-8 shows U+FFFD and cannot be named here (`remove` of its folder takes it along). */
  list(path: string): Promise<string[]>;
  readlink(path: string): Promise<string>;
  close(): void;
}

export interface EntryStat {
  /** Of the entry itself, a symbolic link not followed. */
  kind: "file" | "directory" | "symlink" | "character" | "block" | "fifo" | "socket";
  uid: number;
  gid: number;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  size: number;
  mtimeNs: bigint;
  inode: bigint;
  device: bigint;
  links: number;
  rdevMajor: number;
  rdevMinor: number;
}

export interface NvmlGpu {
  index: number;
  uuid: string;
  minor: number;
  pciBusId: string;
  name: string;
  memoryTotalBytes: number;
  memoryUsedBytes: number;
  computeCapability: string | null;
  /** NVML's error text when the device answered with an error ("GPU is lost"); the other fields are then the last known or empty. */
  error: string | null;
  utilizationPercent: number | null;
  temperatureCelsius: number | null;
  powerMilliwatts: number | null;
}

export interface NvmlReport {
  driverVersion: string;
  cudaVersion: string | null;
  gpus: NvmlGpu[];
}

export interface NativeNvml {
  /**
   * dlopen of `library`, nvmlInit, a look at every device, nvmlShutdown; on a worker thread. Null when the library
   * does not exist or says there is no driver: a machine without a GPU is a normal answer.
   * The caller bounds the time: NVML can hang.
   */
  query(library: string): Promise<NvmlReport | null>;
}
