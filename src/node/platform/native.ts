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
  /**
   * A user namespace with these maps (lines "first-inside first-outside count"), as a descriptor that the caller closes:
   * what `mountOverlay` maps owners by. No process stays in it.
   */
  createUserNamespace(uidMap: string, gidMap: string): Promise<number>;
  /** Opens a folder as the root that no path given to the returned writer can leave. */
  openRoot(path: string): Promise<NativeRoot>;
  /**
   * syncfs(2) on the file system of a folder: all that is dirty there goes to disk. One call for a whole unpacked layer
   * costs far less than an fsync of each of its files.
   */
  syncFileSystem(folder: string): Promise<void>;
  /**
   * Marks a folder so that what is made in it later lies far apart on disk, each subfolder's files together (chattr +T of
   * ext4); false where the file system knows no such mark.
   */
  spreadSubfolders(folder: string): Promise<boolean>;
  /**
   * Gives the memory of a Buffer back at once instead of at some later garbage collection: nothing may look at it again. False,
   * and nothing done, where the Buffer is a part of something larger.
   */
  freeBuffer(bytes: Uint8Array): boolean;
  /** CLOCK_BOOTTIME, milliseconds. Goes on during suspend, not changed by wall-clock steps. */
  bootTimeMs(): number;
  /** flock(LOCK_EX|LOCK_NB) on an open descriptor; false when somebody else holds it. */
  tryLock(fd: number): boolean;
  /** getrlimit(2); Infinity for no limit. */
  rlimit(resource: "nofile" | "memlock" | "nproc" | "core"): { soft: number; hard: number };
  /** pidfd_open + pidfd_send_signal: no signal can reach a recycled pid. False when the process is gone. */
  signalProcess(pid: number, startTimeTicks: string, signal: number): boolean;
  /** A decoder of gzip by ISA-L, two to three times as fast as zlib; null where libisal is not installed. */
  createGunzip(): NativeGunzip | null;
  nvml: NativeNvml;
}

/**
 * One stream's decoder: members one after another, as zlib takes them (zero bytes after a member end it, anything else must
 * be the next one), checksums and lengths checked.
 */
export interface NativeGunzip {
  /**
   * Goes on until `input` is used up or `output` is full (then there may be more without further input). One call at a time;
   * the buffers are left alone meanwhile. Rejects with the code Z_DATA_ERROR.
   */
  decode(input: Buffer, output: Buffer): Promise<GunzipStep>;
}

export interface GunzipStep {
  read: number;
  written: number;
  /** The input may end here: no member has begun that is not whole. */
  complete: boolean;
  /** Padding follows: what else comes is not read. */
  ended: boolean;
}

export interface OverlayMount {
  lowerDirs: string[];
  upper: string | null;
  work: string | null;
  target: string;
  /**
   * With the descriptor of a user namespace: owners on disk are its inner ids, what the mount shows and takes are the outer ones
   * (idmapped layers, Linux 5.19). `upper` and `work` lie in one folder then.
   */
  mapped?: MappedOwners;
}

/** `rootUid` and `rootGid`: the outer ids of the namespace's root, as which overlayfs then does its own work. */
export interface MappedOwners {
  userNamespace: number;
  rootUid: number;
  rootGid: number;
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
  /**
   * Makes many entries in one call, one after the other up to the first that fails: that one's index and error, or null. It
   * may have been made in part. The contents are left alone until then.
   */
  apply(operations: readonly RootOperation[]): Promise<{ index: number; error: Error } | null>;
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

/**
 * One entry of `apply`. `file` and `symlink` are new ones with all that belongs to them (EEXIST); `folder` is a new one with
 * mode 0700, whose metadata is for its caller: members to come would change it; `folder-metadata` leaves alone what is no folder.
 */
export type RootOperation =
  | { kind: "file"; path: string; content: Buffer; metadata: EntryMetadata }
  | { kind: "symlink"; path: string; target: string; metadata: EntryMetadata }
  | { kind: "folder"; path: string; metadata: EntryMetadata }
  | { kind: "folder-metadata"; path: string; metadata: EntryMetadata };

/** What reading a tree takes. */
export type ReadableRoot = Pick<NativeRoot, "list" | "stat" | "xattrs" | "readlink" | "openFile" | "close">;

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

/** What of a GPU changes by the second. Null where NVML does not say. */
export interface NvmlSample {
  index: number;
  uuid: string;
  memoryTotalBytes: number;
  memoryUsedBytes: number;
  utilizationPercent: number | null;
  memoryUtilizationPercent: number | null;
  temperatureCelsius: number | null;
  powerMilliwatts: number | null;
  powerLimitMilliwatts: number | null;
  smClockMhz: number | null;
  memoryClockMhz: number | null;
  /** Since the driver was loaded. */
  energyMillijoules: number | null;
  pcieReplays: number | null;
  processes: NvmlProcess[] | null;
  /** NVML's error text when the device answered with an error ("GPU is lost"); the other fields are then the last known or empty. */
  error: string | null;
}

export interface NvmlProcess {
  /** In the agent's PID namespace. */
  pid: number;
  usedBytes: number | null;
  gpuInstance: number | null;
  computeInstance: number | null;
}

export interface NvmlGpu extends NvmlSample {
  minor: number;
  pciBusId: string;
  name: string;
  computeCapability: string | null;
  /** Errors since the driver was loaded, and since the GPU was made. */
  ecc: { enabled: boolean; correctable: number | null; uncorrectable: number | null; uncorrectableEver: number | null } | null;
  /** Rows of memory replaced by spares; `pending` ones need a reset, `failure`: there is no spare left. */
  remappedRows: { correctable: number; uncorrectable: number; pending: boolean; failure: boolean } | null;
  /** Active links only. */
  nvlinks: { link: number; kind: "gpu" | "switch" | "other"; pciBusId: string }[];
  mig: { enabled: boolean; pending: boolean; devices: NvmlMigDevice[] } | null;
}

export interface NvmlMigDevice {
  uuid: string;
  gpuInstance: number;
  computeInstance: number;
  profile: string;
  memoryTotalBytes: number;
  memoryUsedBytes: number;
}

export interface NvmlReport {
  driverVersion: string;
  cudaVersion: string | null;
  gpus: NvmlGpu[];
  /** nvmlGpuTopologyLevel_t (0, 10 ... 50) by index and index; null for a GPU and itself, and where NVML does not say. */
  topology: (number | null)[][];
}

export type NvmlMessage =
  | { kind: "listening"; gpus: number }
  | { kind: "xid"; uuid: string | null; xid: number; gpuInstance: number | null; computeInstance: number | null }
  /** The last message; NVML is closed. `problem` is null after a stop. */
  | { kind: "end"; problem: string | null };

export interface NativeNvml {
  /**
   * dlopen of `library`, nvmlInit, a look at every device, nvmlShutdown; on a worker thread. Null when the library
   * does not exist or says there is no driver: a machine without a GPU is a normal answer.
   * The caller bounds the time: NVML can hang.
   */
  query(library: string): Promise<NvmlReport | null>;
  /** As `query`, only what changes by the second; cheap while a watch keeps NVML open. */
  sample(library: string): Promise<NvmlSample[] | null>;
  /**
   * Tells XIDs (driver errors) as they happen, on a thread of its own, until the returned function is called: then "end"
   * follows within a second, unless NVML hangs. While it runs NVML stays open: new GPUs are not seen.
   */
  watch(library: string, listener: (message: NvmlMessage) => void): () => void;
}
