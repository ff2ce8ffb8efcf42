import { BerthError } from "../../shared/domain/index.ts";

/** The adapters of NodeStore refuse in the same words. */
export function nameTaken(name: string): BerthError {
  return new BerthError("conflict", `a living node is already called ${name}; choose another name, or wait until it is lost`);
}

export function outdatedSync(nodeId: string): BerthError {
  return new BerthError("conflict", `a later sync of ${nodeId} was already recorded`);
}

export function notJoined(nodeId: string): BerthError {
  return new BerthError("node_not_found", `no node ${nodeId} has joined`);
}
