import { join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";

/** One replica of one attempt. */
export interface ReplicaKey {
  jobId: string;
  epoch: number;
  rank: number;
}

/**
 * The log store's whole disk layout:
 *
 *   <data-dir>/logs/<job>/<epoch>/<rank>.log    the container's log as its node wrote it (k8s-file lines), byte for byte
 *   <data-dir>/logs/<job>/<epoch>/<rank>.node   id of the node that may push it
 */
export interface LogPaths {
  epochFolder(jobId: string, epoch: number): string;
  log(key: ReplicaKey): string;
  owner(key: ReplicaKey): string;
}

/** Ids become file names here, so anything but digits stops here whatever the callers checked. */
export function logPaths(root: string): LogPaths {
  const epochFolder = (jobId: string, epoch: number) => join(root, digits(jobId), digits(String(epoch)));
  const file = (key: ReplicaKey, kind: string) => join(epochFolder(key.jobId, key.epoch), `${digits(String(key.rank))}.${kind}`);
  return { epochFolder, log: (key) => file(key, "log"), owner: (key) => file(key, "node") };
}

function digits(text: string): string {
  if (!/^\d{1,16}$/.test(text)) throw new BerthError("invalid_request", `${JSON.stringify(text)} cannot name a log`);
  return text;
}
