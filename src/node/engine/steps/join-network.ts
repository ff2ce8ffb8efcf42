import type { NetworkMode, PublishedPort } from "../../../shared/domain/index.ts";
import type { SpecInput } from "../../runtime/index.ts";
import type { ContainerRecord } from "../container-record.ts";
import type { NetworkSlot } from "../network/bridge-network.ts";
import type { NetworkPool } from "../network/network-pool.ts";

export interface JoinedNetwork {
  spec: SpecInput["network"];
  record: ContainerRecord["network"];
}

/**
 * The container's network: the host's, none at all, or a namespace on the bridge with the ports it publishes.
 * @throws BerthError missing_requirement, port_unavailable
 */
export async function joinNetwork(mode: NetworkMode, pool: NetworkPool, ports: readonly PublishedPort[] = []): Promise<JoinedNetwork> {
  if (mode === "host") return { spec: { kind: "host" }, record: null };
  if (mode === "none") return { spec: { kind: "private" }, record: null };
  const slot = await pool.acquire();
  const published = await publish(pool, slot, ports);
  return { spec: { kind: "join", path: slot.netns }, record: { slot: slot.name, address: slot.address, ...published } };
}

async function publish(pool: NetworkPool, slot: NetworkSlot, ports: readonly PublishedPort[]): Promise<{ ports?: PublishedPort[] }> {
  if (ports.length === 0) return {};
  try {
    return { ports: await pool.publish(slot, ports) };
  } catch (error) {
    await pool.release(slot.name);
    throw error;
  }
}
