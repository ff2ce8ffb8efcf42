import { InvalidArgumentError } from "commander";

type PlacementKind = "pack" | "spread";

/** A label's value, as `berth node label` takes it. */
const POOL = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/**
 * "spread" is for all nodes, "inference=spread" for those whose label berth.pool is "inference".
 * @throws InvalidArgumentError for another kind, a pool that is no label's value, or one thing said twice
 */
export function placementKinds(texts: readonly string[]): { kind?: PlacementKind; byPool?: Record<string, PlacementKind> } {
  const everywhere: PlacementKind[] = [];
  const byPool = new Map<string, PlacementKind>();
  for (const text of texts) {
    const [, pool, kind] = /^(?:([^=]*)=)?(pack|spread)$/.exec(text) ?? [];
    if (!isKind(kind)) throw new InvalidArgumentError(`${JSON.stringify(text)} is not pack, spread, POOL=pack or POOL=spread`);
    if (pool !== undefined && !POOL.test(pool)) throw new InvalidArgumentError(`${JSON.stringify(pool)} cannot be the value of a label`);
    if (pool === undefined ? everywhere.length > 0 : byPool.has(pool))
      throw new InvalidArgumentError(`${pool === undefined ? "all nodes" : `pool ${pool}`} given twice`);
    if (pool === undefined) everywhere.push(kind);
    else byPool.set(pool, kind);
  }
  const [kind] = everywhere;
  return { ...(kind === undefined ? {} : { kind }), ...(byPool.size === 0 ? {} : { byPool: Object.fromEntries(byPool) }) };
}

function isKind(text: string | undefined): text is PlacementKind {
  return text === "pack" || text === "spread";
}
