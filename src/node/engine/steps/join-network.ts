import type { NetworkMode } from "../../../shared/domain/index.ts";
import type { SpecInput } from "../../runtime/index.ts";
import type { ContainerRecord } from "../container-record.ts";
import type { NetworkPool } from "../network/network-pool.ts";

export interface JoinedNetwork {
  spec: SpecInput["network"];
  record: ContainerRecord["network"];
}

/** The container's network: the host's, none at all, or a namespace on the bridge. @throws BerthError missing_requirement */
export async function joinNetwork(mode: NetworkMode, pool: NetworkPool): Promise<JoinedNetwork> {
  if (mode === "host") return { spec: { kind: "host" }, record: null };
  if (mode === "none") return { spec: { kind: "private" }, record: null };
  const slot = await pool.acquire();
  return { spec: { kind: "join", path: slot.netns }, record: { slot: slot.name, address: slot.address } };
}
