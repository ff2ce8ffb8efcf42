import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock, type PublishedPort } from "../../../shared/domain/index.ts";
import { type Native, readTextIfThere, runProgram, writeFileAtomically } from "../../platform/index.ts";
import type { EnginePaths } from "../paths.ts";
import { chooseSubnet } from "./choose-subnet.ts";
import { callCni, findCniPlugins } from "./cni.ts";
import { hostSubnets } from "./host-subnets.ts";
import { type PinnedNamespaces, pinnedNamespaces } from "./netns.ts";
import { publishedPorts } from "./published-ports.ts";

/** A network namespace already joined to the bridge, with its address: one container's whole network. */
export interface NetworkSlot {
  name: string;
  /** Path the container joins. */
  netns: string;
  address: string;
}

export interface BridgeNetwork {
  /** @throws BerthError missing_requirement, container_start_failed, conflict */
  createSlot(): Promise<NetworkSlot>;
  /** Opens these ports of the host to the slot; the answer has the ones that were chosen. @throws BerthError port_unavailable */
  publish(slot: NetworkSlot, ports: readonly PublishedPort[]): Promise<PublishedPort[]>;
  /** Closes its ports, gives the address back and removes the namespace; missing is fine. */
  removeSlot(name: string): Promise<void>;
  /** Every slot there is, half-made ones of a crash included. */
  listSlots(): Promise<string[]>;
  /** Takes the bridge away; only when no slot is left. */
  removeBridge(): Promise<void>;
}

interface BridgeConfig {
  bridge: string;
  subnet: string;
}

/** A Linux bridge of this instance's own, addresses and masquerading by CNI's bridge and host-local plugins. */
export function createBridgeNetwork(options: { paths: EnginePaths; native: Pick<Native, "unmount">; clock: Clock }): BridgeNetwork {
  const { paths } = options;
  const namespaces = pinnedNamespaces(paths.netns, options.native);
  const published = publishedPorts(join(paths.network, "published"), options.clock);
  const configFile = join(paths.network, "bridge.json");
  // The first slots are made at once: they must agree on one subnet.
  let config: Promise<BridgeConfig> | null = null;
  const loadConfig = () => {
    config ??= readOrChoose(configFile, paths.instance).catch((error: unknown) => {
      config = null;
      throw error;
    });
    return config;
  };

  return {
    async createSlot() {
      const [folder, bridge] = await Promise.all([findCniPlugins(), loadConfig()]);
      const name = `n${randomBytes(5).toString("hex")}`;
      await namespaces.create(name);
      try {
        return await attach({ folder, bridge, namespaces, name, ipamDir: join(paths.network, "ipam") });
      } catch (error) {
        await detach({ folder, bridge, namespaces, name, ipamDir: join(paths.network, "ipam") });
        throw error;
      }
    },
    async publish({ name, netns, address }, ports) {
      const { bridge } = await loadConfig();
      return published.publish(name, { network: bridge, netns, address, ports });
    },
    async removeSlot(name) {
      const [folder, bridge] = await Promise.all([findCniPlugins(), loadConfig()]);
      await published.withdraw(name);
      await detach({ folder, bridge, namespaces, name, ipamDir: join(paths.network, "ipam") });
    },
    listSlots: () => namespaces.list(),
    async removeBridge() {
      const bridge = await readConfig(configFile);
      if (bridge === null) return;
      await deleteLink(bridge.bridge);
      await rm(paths.network, { recursive: true, force: true });
      config = null;
    },
  };
}

interface SlotWork {
  folder: string;
  bridge: BridgeConfig;
  namespaces: PinnedNamespaces;
  name: string;
  ipamDir: string;
}

async function attach(work: SlotWork): Promise<NetworkSlot> {
  const netns = work.namespaces.path(work.name);
  const call = { command: "ADD", containerId: work.name, netns } as const;
  await callCni(work.folder, { ...call, config: LOOPBACK, interfaceName: "lo" });
  const result = await callCni(work.folder, { ...call, config: bridgeConfig(work), interfaceName: "eth0" });
  const address = result.ips?.[0]?.address.split("/")[0];
  if (address === undefined) throw new BerthError("container_start_failed", "CNI bridge ADD gave no address");
  return { name: work.name, netns, address };
}

/**
 * DEL while the namespace still exists: the plugin reads from it which masquerading rules to remove. After a reboot it is
 * gone, with the rules, and only the address is given back: an empty CNI_NETNS says so.
 */
async function detach(work: SlotWork): Promise<void> {
  const netns = (await work.namespaces.isPinned(work.name)) ? work.namespaces.path(work.name) : "";
  await callCni(work.folder, { command: "DEL", containerId: work.name, netns, config: bridgeConfig(work), interfaceName: "eth0" });
  await work.namespaces.remove(work.name);
}

const LOOPBACK = { cniVersion: "1.0.0", name: "lo", type: "loopback" };

function bridgeConfig({ bridge, ipamDir }: SlotWork) {
  return {
    cniVersion: "1.0.0",
    name: bridge.bridge,
    type: "bridge",
    bridge: bridge.bridge,
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: { type: "host-local", dataDir: ipamDir, ranges: [[{ subnet: bridge.subnet }]], routes: [{ dst: "0.0.0.0/0" }] },
  };
}

/** Kept in a file: containers that outlive the agent hold addresses of this subnet. */
async function readOrChoose(file: string, instance: string): Promise<BridgeConfig> {
  const known = await readConfig(file);
  if (known !== null) return known;
  await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  // Interface names have at most 15 characters.
  const chosen = { bridge: `berth-${instance.slice(0, 8)}`, subnet: chooseSubnet(instance, await hostSubnets()) };
  await writeFileAtomically(file, JSON.stringify(chosen));
  return chosen;
}

async function readConfig(file: string): Promise<BridgeConfig | null> {
  const text = await readTextIfThere(file);
  return text === null ? null : (JSON.parse(text) as BridgeConfig);
}

async function deleteLink(name: string): Promise<void> {
  const result = await runProgram("/usr/sbin/ip", ["link", "delete", name], { timeoutMs: 10_000 });
  if (result.code !== 0 && !/cannot find device/i.test(result.stderr)) {
    throw new BerthError("internal", `cannot remove the bridge ${name}: ${result.stderr.trim()}`);
  }
}
