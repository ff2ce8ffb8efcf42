import { statfs } from "node:fs/promises";
import { arch, hostname, networkInterfaces } from "node:os";
import { cpu, mem, osInfo } from "systeminformation";
import { BerthError } from "../../../shared/domain/index.ts";

/** The machine as schedulers and people need it. */
export interface HostFacts {
  hostname: string;
  /** "Debian GNU/Linux 12". */
  os: string;
  kernel: string;
  /** In the words of OCI images: "amd64", "arm64". */
  architecture: string;
  cpuModel: string;
  /** Logical CPUs. */
  cpus: number;
  memoryBytes: number;
  addresses: HostAddress[];
}

export interface HostAddress {
  interface: string;
  address: string;
  family: "IPv4" | "IPv6";
}

/**
 * What does not change while the machine runs. systeminformation starts programs (lscpu and others), so ask once.
 * @throws BerthError internal when the machine does not answer within `timeoutMs`
 */
export async function readHostFacts(options: { timeoutMs: number }): Promise<HostFacts> {
  const [system, processor, memory] = await withinTime(Promise.all([osInfo(), cpu(), mem()]), options.timeoutMs);
  return {
    hostname: hostname(),
    os: `${system.distro} ${system.release}`.trim(),
    kernel: system.kernel,
    architecture: imageArchitecture(arch()),
    cpuModel: `${processor.manufacturer} ${processor.brand}`.trim(),
    cpus: processor.cores,
    memoryBytes: memory.total,
    addresses: readAddresses(),
  };
}

/** Free space is what an ordinary user may still write: root's reserve is not for jobs. Bytes. */
export async function readDiskSpace(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Addresses that other machines may reach: no loopback, no link-local. */
function readAddresses(): HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
      .map(({ address, family }) => ({ interface: name, address, family })),
  );
}

/** Image-spec's GOARCH words. */
function imageArchitecture(name: string): string {
  return { x64: "amd64", ia32: "386" }[name] ?? name;
}

async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new BerthError("internal", `the machine's facts did not come within ${timeoutMs} ms`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
