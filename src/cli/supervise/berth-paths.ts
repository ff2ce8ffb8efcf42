import { join, resolve } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";

export const DEFAULT_DATA_DIR = "/var/lib/berth";
export const DEFAULT_LISTEN = "127.0.0.1:8470";

/** sun_path of a unix socket address, less its NUL. */
const LONGEST_SOCKET_PATH = 107;

/** Where one Berth keeps its things; `runDir` holds sockets and pid files. */
export interface BerthPaths {
  dataDir: string;
  runDir: string;
  lockFile: string;
  logDir: string;
  pidDir: string;
  redisDir: string;
  redisConfig: string;
  redisSocket: string;
  apiSocket: string;
  nodeSocket: string;
}

/** @throws BerthError invalid_request when a socket's path would not fit the kernel's limit */
export function berthPaths(dataDirOption: string, runDirOption?: string): BerthPaths {
  const dataDir = resolve(dataDirOption);
  const runDir = resolve(runDirOption ?? (dataDir === DEFAULT_DATA_DIR ? "/run/berth" : join(dataDir, "run")));
  const redisSocket = join(runDir, "redis.sock");
  if (Buffer.byteLength(redisSocket) > LONGEST_SOCKET_PATH) {
    throw new BerthError("invalid_request", `${redisSocket} is longer than the ${LONGEST_SOCKET_PATH} bytes a socket's path may have`, {
      details: { hint: "choose a shorter --data-dir, or a --run-dir" },
    });
  }
  return {
    dataDir,
    runDir,
    lockFile: join(dataDir, "berth.lock"),
    logDir: join(dataDir, "log"),
    pidDir: join(runDir, "pids"),
    redisDir: join(dataDir, "redis"),
    redisConfig: join(runDir, "redis.conf"),
    redisSocket,
    apiSocket: join(runDir, "api.sock"),
    nodeSocket: join(runDir, "node.sock"),
  };
}
