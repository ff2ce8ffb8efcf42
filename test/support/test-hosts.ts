import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { processMarker } from "./process-marker.ts";
import { RUN_PREFIX } from "./sweep-leftovers.ts";

const run = promisify(execFile);

export interface TestHost {
  address: string;
  /** Prefix that runs a command on this host: only its network differs, cgroups and mounts stay the machine's. */
  enter: string[];
}

export interface TestNetwork {
  hosts: TestHost[];
  remove(): Promise<void>;
}

/**
 * Hosts on one machine: network namespaces joined by a bridge in a namespace of its own, so that nothing of it shows in
 * the machine's network. `nsenter`, not `ip netns exec`, which would hide /sys/fs/cgroup behind a fresh sysfs.
 */
export async function createTestHosts(count: number): Promise<TestNetwork> {
  const prefix = `${RUN_PREFIX}-${await processMarker(process.pid)}`;
  const hub = `${prefix}-hub`;
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const ip = (...args: string[]) => run("ip", args);
  const remove = async () => {
    for (const name of [...names, hub]) await ip("netns", "del", name).catch(ignoreMissing);
  };
  try {
    await ip("netns", "add", hub);
    await ip("-n", hub, "link", "add", "switch", "type", "bridge");
    await ip("-n", hub, "link", "set", "switch", "up");
    for (const [index, name] of names.entries()) {
      await ip("netns", "add", name);
      await ip("-n", name, "link", "set", "lo", "up");
      await ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", `port${index}`, "netns", hub);
      await ip("-n", hub, "link", "set", `port${index}`, "master", "switch", "up");
      await ip("-n", name, "addr", "add", `10.77.0.${index + 1}/24`, "dev", "eth0");
      await ip("-n", name, "link", "set", "eth0", "up");
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    hosts: names.map((name, index) => ({ address: `10.77.0.${index + 1}`, enter: ["nsenter", `--net=/run/netns/${name}`] })),
    remove,
  };
}

function ignoreMissing(error: Error): void {
  if (!/No such file/.test(error.message)) throw error;
}
