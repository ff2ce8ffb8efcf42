import type { FreeNode } from "../feasible/free-capacity.ts";
import { countFittingGpus } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import type { VictimsByNode } from "./victims-by-node.ts";

/** A quick look at all nodes: whether room could be made at all. Most looks for victims end here. */
export interface MostRoom {
  /** False when the gang would not fit though everybody left whom a claim of this strength may push out. In doubt true. */
  mayFit(request: Request, strength: number): boolean;
  /** To be told of every node that somebody was booked on or was taken off. */
  changed(entry: FreeNode): void;
}

/**
 * `places` are all nodes by position. Numbers in arrays, for ten thousand nodes are looked at for each of many jobs: GPUs
 * free, and those of each victim with what it resists (see PreemptionRules). Nodes are taken for open and admitted, and of
 * what a node lacks only GPUs are counted: that never makes the room smaller than it is.
 */
export function createMostRoom(places: readonly FreeNode[], victims: VictimsByNode): MostRoom {
  const kinds = new Map<string, { id: number; one: FreeNode }>();
  const kindAt = new Uint32Array(places.length);
  const gpus = new Int32Array(places.length);
  const firstAt = new Int32Array(places.length + 1);
  const resists: number[] = [];
  const units: number[] = [];
  for (const [position, entry] of places.entries()) {
    gpus[position] = entry.gpus.length;
    firstAt[position] = units.length;
    if (entry.kind !== null) {
      const kind = kinds.get(entry.kind) ?? { id: kinds.size + 1, one: entry };
      kinds.set(entry.kind, kind);
      kindAt[position] = kind.id;
    }
    for (const [place, victim] of (victims[position]?.victims ?? []).entries()) {
      resists.push(victim.resists);
      units.push(victim.gone ? 0 : (victims[position]?.held[place] ?? 0));
    }
  }
  firstAt[places.length] = units.length;
  /** By kind; nodes whose GPUs are not alike, of kind 0, are taken to serve. */
  const serving = (request: Request): Uint8Array => {
    const serves = new Uint8Array(kinds.size + 1).fill(1);
    for (const { id, one } of kinds.values()) serves[id] = countFittingGpus(one, one.node.gpus, request) > 0 ? 1 : 0;
    return serves;
  };
  return {
    mayFit: (request, strength) => {
      const asked = request.resources.gpus;
      if (request.units !== "gpus" || asked === 0 || request.avoidedGpus !== null) return true;
      const limit = Math.min(request.replicas, request.maxPerNode);
      const serves = serving(request);
      let possible = 0;
      for (let position = 0; position < gpus.length; position += 1) {
        if (serves[kindAt[position] ?? 0] === 0) continue;
        let free = gpus[position] ?? 0;
        const end = firstAt[position + 1] ?? 0;
        for (let at = firstAt[position] ?? 0; at < end; at += 1) if ((resists[at] ?? 0) <= strength) free += units[at] ?? 0;
        if (free < asked) continue;
        possible += Math.min(limit, Math.floor(free / asked));
        if (possible >= request.minReplicas) return true;
      }
      return false;
    },
    changed: ({ position, gpus: free }) => {
      gpus[position] = free.length;
      for (const [place, { gone }] of (victims[position]?.victims ?? []).entries()) if (gone) units[(firstAt[position] ?? 0) + place] = 0;
    },
  };
}
