import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceEndpoint } from "../types.ts";
import { orNull, type RootView } from "./root-view.ts";

const SOCKETS = { persistenced: "run/nvidia-persistenced/socket", fabricmanager: "run/nvidia-fabricmanager/socket" } as const;
/** Where nvidia-cuda-mps-control keeps its pipes unless CUDA_MPS_PIPE_DIRECTORY says otherwise (NVIDIA's MPS documentation). */
const MPS_FOLDER = "tmp/nvidia-mps";

/** The host's NVIDIA services that run now. */
export async function listServices(view: RootView): Promise<ServiceEndpoint[]> {
  const sockets = await Promise.all((["persistenced", "fabricmanager"] as const).map((service) => socketOf(view, service)));
  return [...sockets, await mpsFolder(view)].filter((endpoint) => endpoint !== null);
}

async function socketOf(view: RootView, service: keyof typeof SOCKETS): Promise<ServiceEndpoint | null> {
  const hostPath = await view.resolve(SOCKETS[service]);
  const status = hostPath === null ? null : await orNull(stat(hostPath));
  return hostPath !== null && status?.isSocket() ? { service, kind: "socket", hostPath } : null;
}

/** Anybody may make /tmp/nvidia-mps; only root's is the machine's service and not a trap for containers. */
async function mpsFolder(view: RootView): Promise<ServiceEndpoint | null> {
  const hostPath = join(view.root, MPS_FOLDER);
  const status = await orNull(lstat(hostPath));
  return status?.isDirectory() && status.uid === 0 ? { service: "mps", kind: "folder", hostPath } : null;
}
