import { readFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Clock } from "../../shared/domain/index.ts";
import { canonicalJson, digestOf } from "../../shared/oci/index.ts";
import type { ImageStore, StoredLayer } from "../images/index.ts";
import { writeFileDurably } from "../platform/index.ts";

const EntrySchema = Type.Object({
  /** Null when the step changed nothing. */
  layer: Type.Union([
    Type.Null(),
    Type.Object({
      diffId: Type.String(),
      descriptor: Type.Object({ mediaType: Type.String(), digest: Type.String(), size: Type.Number() }),
    }),
  ]),
  /** When the step really ran, milliseconds since the epoch: a rebuild tells the same time. */
  createdAt: Type.Number(),
  usedAt: Type.Number(),
});
const CacheSchema = Type.Object({ version: Type.Literal(1), entries: Type.Record(Type.String(), EntrySchema) });

export type CacheEntry = Static<typeof EntrySchema>;
/** What a step made, from the cache or fresh. */
export interface StepResult {
  layer: StoredLayer | null;
  createdAt: number;
}

/** Results of earlier steps by everything that decides them. */
export interface BuildCache {
  /** Null when the step is unknown or its layer is gone. */
  find(inputs: object): Promise<StepResult | null>;
  remember(inputs: object, result: StepResult): void;
  /** Writes what was learnt; the longest unused entries go. */
  save(): Promise<void>;
}

const MAX_ENTRIES = 2000;

/** Reads the cache file; one that is missing or not readable is an empty cache. */
export async function openBuildCache(path: string, store: Pick<ImageStore, "has">, clock: Clock): Promise<BuildCache> {
  const changed = new Map<string, CacheEntry>();
  const entries = await readEntries(path);
  return {
    async find(inputs) {
      const key = digestOf(canonicalJson(inputs));
      const entry = changed.get(key) ?? entries[key];
      if (entry === undefined || (entry.layer !== null && !(await store.has([entry.layer.descriptor.digest])))) return null;
      changed.set(key, { ...entry, usedAt: clock.now() });
      return { layer: entry.layer, createdAt: entry.createdAt };
    },
    remember(inputs, result) {
      changed.set(digestOf(canonicalJson(inputs)), { ...result, usedAt: clock.now() });
    },
    async save() {
      // Read again: another build may have written meanwhile. What it loses to a race is only built once more.
      const merged = Object.entries({ ...(await readEntries(path)), ...Object.fromEntries(changed) });
      merged.sort(([, a], [, b]) => b.usedAt - a.usedAt);
      await writeFileDurably(path, JSON.stringify({ version: 1, entries: Object.fromEntries(merged.slice(0, MAX_ENTRIES)) }));
    },
  };
}

async function readEntries(path: string): Promise<Record<string, CacheEntry>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return Value.Check(CacheSchema, value) ? value.entries : {};
  } catch (error) {
    // A cache may be lost at any time; anything but "no such file" or bad JSON is trouble with the disk.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}
