import { hostname } from "node:os";
import { BerthError } from "../../shared/domain/index.ts";
import type { AllowedExtra } from "../gpu/index.ts";

/** What `berth agent` was told. */
export interface AgentOptions {
  /** http(s)://host:port or unix:///path of the control plane's socket. */
  join: string;
  /** Join token; null takes `tokenFile`, then BERTH_JOIN_TOKEN. Over unix:// none is needed. */
  token: string | null;
  tokenFile: string | null;
  /** PEM file of the CA that an https:// control plane must be of; null trusts the token's, then the system's. */
  caFile?: string | null;
  /** Credentials may travel over a network without TLS. */
  insecureHttp?: boolean;
  /** Default: the hostname. */
  name: string | null;
  /** Where peers reach this node; default: the source address of the route to the control plane. */
  address: string | null;
  /** Absolute. */
  dataDir: string;
  /** Absolute. */
  runDir: string;
  /** 0 for the real ones. */
  simulateGpus: number;
  /** "0=3g.40gb,1g.10gb": simulated GPU 0 is split into these MIG devices. */
  simulateMig?: readonly string[];
  /** Where the NVIDIA driver's files lie; null is "/". */
  driverRoot: string | null;
  /** Host folders that jobs may bind; none by default. */
  allowBind: readonly string[];
  /** What jobs may ask for beside GPUs; nothing by default. */
  allowGpuDevices: readonly AllowedExtra[];
  /** Folder in which to keep a CDI file of this node's GPUs for other container engines; null keeps none. */
  cdiDir: string | null;
  /** host:port for /metrics over TCP; null serves it on node.sock only. */
  metricsListen: string | null;
  /** Absolute path of the trust policy, which must be there; default: trust.json in the data dir, if there is one. */
  trustPolicy?: string;
  /** Labels of this node that jobs choose by; none by default. */
  labels?: Readonly<Record<string, string>>;
  /** Absolute path of the operator's own check of a quarantined GPU; absent: there is none. */
  diagnostic?: string;
  /** host:port of the image registry; null serves none. */
  registryListen: string | null;
  /** host:port at which this node gives blobs to its peers, and takes part in fetching from them; null or absent does neither. */
  peerListen?: string | null;
  /** As dockerd's --storage-driver; absent is "auto". */
  storageDriver?: "auto" | "overlay2" | "vfs";
  /**
   * `remap`: whose ids containers get, as dockerd's --userns-remap. `layers`: how image files get them. Absent runs all in the
   * host's user namespace.
   */
  userns?: { remap: string; allowHost: boolean; layers: "auto" | "idmapped" | "chowned" };
  runtime: "auto" | "crun" | "runc";
  logLevel: string;
}

/** @throws BerthError invalid_request naming the option */
export function nodeNameOf(option: string | null): string {
  if (option !== null && !NAME.test(option)) {
    throw new BerthError("invalid_request", `--name ${JSON.stringify(option)} is not lower-case letters, digits, '-' and '.'`);
  }
  return option ?? nameFromHostname(hostname());
}

/** JoinRequestSchema.name */
const NAME = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;

/** "GPU_01.example.org" -> "gpu-01.example.org": hostnames may hold what names may not. */
export function nameFromHostname(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/[^-a-z0-9.]/g, "-")
    .slice(0, 63)
    .replace(/^[-.]+|[-.]+$/g, "");
  return name === "" ? "node" : name;
}

/** "127.0.0.1:9400" or "[::1]:9400". @throws BerthError invalid_request */
export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port = ""] = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new BerthError("invalid_request", `${JSON.stringify(text)} is not HOST:PORT`);
  return { host, port: Number(port) };
}
