import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkMode } from "../../../shared/domain/index.ts";
import { type IdMapping, readTextIfThere } from "../../platform/index.ts";

/** systemd-resolved's real servers: its stub listens on the host's loopback, which a container cannot reach. */
const RESOLVED_UPSTREAM = "/run/systemd/resolve/resolv.conf";

export interface Identity {
  folder: string;
  hostname: string;
  /** Whose ids the container's root has: the files are its own, as Docker's are; left out or null for the host's. */
  owner?: IdMapping | null;
  mode: NetworkMode;
  /** What the hostname stands for; null for the container's own loopback. */
  address: string | null;
}

/** Writes the /etc/hosts, /etc/hostname and /etc/resolv.conf of one container and tells where they are. */
export async function writeIdentityFiles(identity: Identity): Promise<{ hosts: string; hostname: string; resolvConf: string }> {
  const files = {
    hosts: join(identity.folder, "hosts"),
    hostname: join(identity.folder, "hostname"),
    resolvConf: join(identity.folder, "resolv.conf"),
  };
  await mkdir(identity.folder, { recursive: true, mode: 0o755 });
  await Promise.all([
    writeFile(files.hosts, await hostsText(identity), { mode: 0o644 }),
    writeFile(files.hostname, `${identity.hostname}\n`, { mode: 0o644 }),
    writeFile(files.resolvConf, await resolvConfText(identity.mode), { mode: 0o644 }),
  ]);
  const { owner } = identity;
  if (owner) await Promise.all(Object.values(files).map((path) => chown(path, owner.uid, owner.gid)));
  return files;
}

/** The hostname must have an address peers can use: gloo and NCCL advertise what it resolves to. */
async function hostsText({ hostname, mode, address }: Identity): Promise<string> {
  const own = `${address ?? "127.0.1.1"}\t${hostname}\n`;
  if (mode === "host") return `${own}${await readOrEmpty("/etc/hosts")}`;
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${own}`;
}

async function resolvConfText(mode: NetworkMode): Promise<string> {
  const host = await readOrEmpty("/etc/resolv.conf");
  if (mode !== "bridge" || !hasLoopbackServer(host)) return host;
  const upstream = await readOrEmpty(RESOLVED_UPSTREAM);
  return withoutLoopbackServers(upstream === "" ? host : upstream);
}

function hasLoopbackServer(text: string): boolean {
  return /^nameserver\s+(127\.|::1)/m.test(text);
}

/** A resolver on 127.0.0.x of the host is not reachable from a network of its own. */
export function withoutLoopbackServers(text: string): string {
  return text
    .split("\n")
    .filter((line) => !hasLoopbackServer(line))
    .join("\n");
}

async function readOrEmpty(path: string): Promise<string> {
  return (await readTextIfThere(path)) ?? "";
}
