import type { FreeNode } from "./free-capacity.ts";
import { labelOf } from "./node-blocker.ts";
import { roomFor } from "./replica-fit.ts";
import type { Request } from "./request.ts";

/** So many replicas on these nodes. */
export interface GangPart {
  entries: readonly FreeNode[];
  replicas: number;
}

/**
 * Where the whole gang fits, as large as it may be (elastic jobs) and under its topology rules; null when not even the
 * least gang fits. Nothing is booked. The parts share no node, so each can be placed without the others.
 */
export function fitGang(entries: readonly FreeNode[], request: Request): GangPart[] | null {
  const { sameLabel, spreadLabel } = request.job.rules ?? { sameLabel: null, spreadLabel: null };
  if (sameLabel === null) return fitSpread(entries, request, spreadLabel);
  let best: { parts: GangPart[]; replicas: number; room: number } | null = null;
  for (const [, group] of groupsOf(entries, sameLabel)) {
    const parts = fitSpread(group, request, spreadLabel);
    if (parts === null) continue;
    const replicas = parts.reduce((sum, part) => sum + part.replicas, 0);
    const room = roomFor(group, request, Number.MAX_SAFE_INTEGER);
    // The largest gang first, then the tightest rack: roomy racks stay whole for larger gangs.
    if (best === null || replicas > best.replicas || (replicas === best.replicas && room < best.room)) best = { parts, replicas, room };
  }
  return best?.parts ?? null;
}

/** Whether `fitGang` finds a place for at least the least gang. */
export function gangFits(entries: readonly FreeNode[], request: Request): boolean {
  return fitGang(entries, request) !== null;
}

function fitSpread(entries: readonly FreeNode[], request: Request, label: string | null): GangPart[] | null {
  if (label !== null) return spreadOver([...groupsOf(entries, label).values()], request);
  const replicas = roomFor(entries, request, request.replicas);
  return replicas >= request.minReplicas ? [{ entries, replicas }] : null;
}

function spreadOver(groups: readonly FreeNode[][], request: Request): GangPart[] | null {
  if (groups.length === 0) return null;
  const rooms = groups
    .map((entries) => ({ entries, room: roomFor(entries, request, Math.ceil(request.replicas / groups.length)) }))
    .sort((left, right) => right.room - left.room);
  for (let replicas = request.replicas; replicas >= request.minReplicas; replicas -= 1) {
    const least = Math.floor(replicas / groups.length);
    const oneMore = replicas % groups.length;
    if (rooms.every(({ room }, place) => room >= least + (place < oneMore ? 1 : 0))) {
      return rooms
        .map(({ entries }, place) => ({ entries, replicas: least + (place < oneMore ? 1 : 0) }))
        .filter((part) => part.replicas > 0);
    }
  }
  return null;
}

/** By the label's value, in the order of values. */
export function groupsOf(entries: readonly FreeNode[], label: string): Map<string, FreeNode[]> {
  const groups = new Map<string, FreeNode[]>();
  for (const entry of entries) {
    const value = labelOf(entry.node, label);
    if (value === undefined) continue;
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [entry]);
    else group.push(entry);
  }
  return new Map([...groups].sort(([left], [right]) => (left < right ? -1 : 1)));
}
