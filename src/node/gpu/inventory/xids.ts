/** One XID: an error that the driver reported for a GPU (NVIDIA, "XID Errors"). */
export interface XidEvent {
  xid: number;
  /** Wall clock, milliseconds. */
  at: number;
  class: XidClass;
  text: string;
  /** Of the MIG device it concerns; null for the whole GPU. */
  gpuInstance: number | null;
}

/** "application": the program's own fault; "hardware": the GPU must not be handed out; "other": kept for people to see. */
export type XidClass = "application" | "hardware" | "other";

/** Kept for each GPU, newest last. */
const KEPT = 16;

const APPLICATION = new Map([
  [13, "graphics engine exception: usually an error of the program"],
  [31, "memory page fault: usually an error of the program"],
  [43, "the program's channel was reset: usually an error of the program"],
]);

const HARDWARE = new Map([
  [48, "double-bit ECC error"],
  [63, "memory row remapping or page retirement"],
  [64, "row remapping or page retirement failed"],
  [74, "NVLink error"],
  [79, "GPU has fallen off the bus"],
  [92, "high rate of single-bit ECC errors"],
  [94, "contained ECC error"],
  [95, "uncontained ECC error"],
]);

/**
 * Numbers that are in neither list are "other": NVIDIA adds new ones, and a GPU is not taken away for what is not known.
 */
export function xidEvent(xid: number, at: number, gpuInstance: number | null): XidEvent {
  const application = APPLICATION.get(xid);
  if (application !== undefined) return { xid, at, class: "application", text: application, gpuInstance };
  const hardware = HARDWARE.get(xid);
  if (hardware !== undefined) return { xid, at, class: "hardware", text: hardware, gpuInstance };
  return { xid, at, class: "other", text: "driver error", gpuInstance };
}

export interface XidHistory {
  add(uuid: string, event: XidEvent): void;
  /** Newest last. */
  of(uuid: string): readonly XidEvent[];
  /** How often each XID came, by GPU, since this agent started. */
  counts(): { uuid: string; xid: number; count: number }[];
  /** Why the GPU must not be used: the newest hardware XID; null when there was none. */
  problemOf(uuid: string): string | null;
  verdicts(): ReadonlyMap<string, string>;
  /** Drops the verdicts, not the events: the GPUs were repaired. */
  forgive(): void;
}

/**
 * What a GPU's hardware reported stays against it until it is forgiven: a GPU that needs a reset does not tell when it had one. `counts` and the verdict outlast the list, so a flood of application XIDs cannot wash a hardware one away.
 */
export function createXidHistory(before: ReadonlyMap<string, string> = new Map()): XidHistory {
  const lists = new Map<string, XidEvent[]>();
  const counters = new Map<string, Map<number, number>>();
  const verdicts = new Map(before);
  return {
    add(uuid, event) {
      lists.set(uuid, [...(lists.get(uuid) ?? []), event].slice(-KEPT));
      const counter = counters.get(uuid) ?? new Map<number, number>();
      counters.set(uuid, counter.set(event.xid, (counter.get(event.xid) ?? 0) + 1));
      if (event.class === "hardware") verdicts.set(uuid, `XID ${event.xid}: ${event.text}`);
    },
    of: (uuid) => lists.get(uuid) ?? [],
    counts: () => [...counters].flatMap(([uuid, counter]) => [...counter].map(([xid, count]) => ({ uuid, xid, count }))),
    problemOf: (uuid) => verdicts.get(uuid) ?? null,
    verdicts: () => verdicts,
    forgive: () => verdicts.clear(),
  };
}
