import { statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { cpu, mem, osInfo } from "systeminformation";
import type { NodeFacts } from "../../shared/domain/index.ts";

/** What does not change while the machine runs. */
export type HostFacts = Pick<NodeFacts, "hostname" | "os" | "kernel" | "architecture" | "cpus" | "memoryBytes" | "cgroupMode">;

/** Slow (it runs lscpu and others): ask once. */
export async function readHostFacts(cgroupMode: NodeFacts["cgroupMode"]): Promise<HostFacts> {
  const [system, processor, memory] = await Promise.all([osInfo(), cpu(), mem()]);
  return {
    hostname: hostname(),
    os: `${system.distro} ${system.release}`.trim(),
    kernel: system.kernel,
    architecture: ociArchitecture(process.arch),
    cpus: processor.cores,
    memoryBytes: memory.total,
    cgroupMode,
  };
}

/** Free space counts what an ordinary user may still write; root's reserve is not for jobs. Bytes. */
export async function readDisk(dataDir: string): Promise<{ diskFreeBytes: number; diskTotalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  return { diskFreeBytes: bavail * bsize, diskTotalBytes: blocks * bsize };
}

/** Image-spec's GOARCH words. */
function ociArchitecture(name: string): string {
  return { x64: "amd64", ia32: "386" }[name] ?? name;
}
