import { BerthError, type UsernsMode } from "../../shared/domain/index.ts";
import type { IdMapping } from "../platform/index.ts";
import type { UsernsSetting } from "./engine-core.ts";

/**
 * The ids a container gets, or null for the host's user namespace. What the container does not say, the node's setting does.
 * @throws BerthError invalid_request: private without ids to give, or the host's where the operator forbids it
 */
export function chooseUserNamespace(wanted: UsernsMode | undefined, setting: UsernsSetting | null): IdMapping | null {
  if (setting === null) {
    if (wanted !== "private") return null;
    throw refused("this node has no ids for user namespaces (berth agent --userns-remap)");
  }
  if (wanted !== "host") return setting.mapping;
  if (!setting.allowHost) throw refused("the operator of this node does not allow the host's user namespace");
  return null;
}

function refused(message: string): BerthError {
  return new BerthError("invalid_request", message, { field: "/userns" });
}
