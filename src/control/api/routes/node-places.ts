import type { Clock } from "../../../shared/domain/index.ts";
import { type NodePlace, type NodeStore, placeOf } from "../../jobs/index.ts";

/** Racks seldom change, and all nodes are read: a pull on many nodes asks hundreds of times a second. */
const KEPT_MS = 30_000;

/** Where each node stands, by its name. */
export function nodePlaces(nodes: Pick<NodeStore, "list">, clock: Clock): () => Promise<ReadonlyMap<string, NodePlace>> {
  let known: Promise<ReadonlyMap<string, NodePlace>> | null = null;
  let readAt = 0;
  const read = async () => new Map((await nodes.list()).map((node) => [node.id, placeOf(node)]));
  return () => {
    if (known !== null && clock.monotonic() - readAt < KEPT_MS) return known;
    readAt = clock.monotonic();
    known = read().catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
}
