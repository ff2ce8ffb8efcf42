import { BerthError } from "../../shared/domain/index.ts";

/** The adapters of NodeStore refuse in the same words. */
export function nameTaken(name: string): BerthError {
  return new BerthError("conflict", `a living node is already called ${name}; choose another name, or wait until it is lost`);
}

/** The agent must not act on an answer to this: a later one holds. */
export function outdatedSync(nodeId: string): BerthError {
  return new BerthError("conflict", `a later sync of ${nodeId} was already recorded`);
}

/** For a name nobody joined with, or a node that was removed: its agent has to join again. */
export function notJoined(nodeId: string): BerthError {
  return new BerthError("node_not_found", `no node ${nodeId} has joined`);
}
