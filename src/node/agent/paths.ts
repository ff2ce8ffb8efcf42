import { join } from "node:path";

/** Everything the agent itself keeps on disk. */
export interface AgentPaths {
  /** <data-dir>/agent, 0700 */
  folder: string;
  /** <data-dir>/agent/lock: one agent a data dir */
  lock: string;
  /** <data-dir>/agent/identity.json: node id and credential */
  identity: string;
  /** <data-dir>/agent/ca.pem: the cluster's CA, known since the join */
  ca: string;
  /** <data-dir>/agent/node.pem: the node's certificate and its key, 0600 */
  certificate: string;
  /** <data-dir>/agent/openssl: empty but while openssl runs */
  openssl: string;
  /** <data-dir>/agent/replicas/<container id>.json */
  replicas: string;
  /** <run-dir>/node.sock: the local API */
  socket: string;
  /** <run-dir>/mps/<gpu uuid>/: pipes and shared memory of the GPU's MPS daemon */
  mps: string;
  /** <run-dir>/agent.lock: one agent a run dir, whatever its data dir */
  runLock: string;
}

/** Makes nothing; both folders are absolute. */
export function agentPaths(dataDir: string, runDir: string): AgentPaths {
  const folder = join(dataDir, "agent");
  return {
    folder,
    lock: join(folder, "lock"),
    identity: join(folder, "identity.json"),
    ca: join(folder, "ca.pem"),
    certificate: join(folder, "node.pem"),
    openssl: join(folder, "openssl"),
    replicas: join(folder, "replicas"),
    socket: join(runDir, "node.sock"),
    mps: join(runDir, "mps"),
    runLock: join(runDir, "agent.lock"),
  };
}
