export {
  createSecretFile,
  isDiskFull,
  removeUnfinished,
  syncFolder,
  type WriteOptions,
  writeFileAtomically,
  writeFileDurably,
} from "../../shared/files/index.ts";
export { type BuiltFiles, builtFiles, packageRoot } from "./built-files.ts";
export { createCgroup } from "./cgroup/create.ts";
export { type CgroupLayout, cgroupFolders, detectCgroupLayout, readCgroupLayout } from "./cgroup/layout.ts";
export { killCgroup, listCgroupPids, removeCgroup } from "./cgroup/processes.ts";
export { type CgroupUsage, readCgroupUsage } from "./cgroup/usage.ts";
export { type Check, type CheckLevel, judgeMachine, type MachineFacts, type RedisFacts, readMachine } from "./doctor/index.ts";
export { type FileLock, lockFile } from "./files/lock-file.ts";
export { exists, openIfThere, readTextIfThere } from "./files/read-file.ts";
export { readBootId } from "./host/boot-id.ts";
export { type HostAddress, type HostFacts, readDiskSpace, readHostFacts } from "./host/facts.ts";
export { type Mount, mountsBelow, parseMountInfo, readMounts } from "./host/mounts.ts";
export { type IdMapping, idMapLines } from "./ids/id-mapping.ts";
export { readIdMapping } from "./ids/read-id-mapping.ts";
export type {
  EntryMetadata,
  EntryStat,
  GunzipStep,
  MappedOwners,
  Native,
  NativeGunzip,
  NativeNvml,
  NativeRoot,
  NvmlGpu,
  NvmlMessage,
  NvmlMigDevice,
  NvmlProcess,
  NvmlReport,
  NvmlSample,
  OverlayMount,
  ReadableRoot,
  RootOperation,
} from "./native.ts";
export { loadNative } from "./native-loader.ts";
export { findProgram } from "./process/find-program.ts";
export { identifyProcess, isProcessAlive, type ProcessIdentity } from "./process/identity.ts";
export { type OwnPrivileges, parseCapabilities, readOwnPrivileges } from "./process/own-privileges.ts";
export { type ProgramResult, type RunOptions, runProgram, SYSTEM_PATH } from "./process/run-program.ts";
export { retireLeaseGuard, startLeaseGuard } from "./process/start-lease-guard.ts";
export { type LockPorts, tryLockOf } from "./process/try-lock-of.ts";
