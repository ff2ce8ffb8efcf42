import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, type Gpu } from "../../../shared/domain/index.ts";
import { readBootId, writeFileDurably } from "../../platform/index.ts";

/** What outlasts the agent, which may die of the same fault that a GPU has. */
export interface GpuMemory {
  /** Why GPUs must not be handed out for what they reported, by UUID. */
  verdicts: ReadonlyMap<string, string>;
  /** Every GPU that was seen, so that one which is gone or swapped while no agent ran is noticed all the same. */
  gpus: readonly Gpu[];
  /** UUIDs of those that took the slot of another and that nobody has accepted. */
  suspects: ReadonlySet<string>;
}

export interface GpuMemoryStore {
  initial: GpuMemory;
  save(memory: GpuMemory): Promise<void>;
}

export const NO_MEMORY: GpuMemory = { verdicts: new Map(), gpus: [], suspects: new Set() };
const FILE = "gpu-verdicts.json";

/** A boot resets every GPU and is when cards are changed, so what an earlier one knew is dropped; so are GPUs of another driver root. */
export async function openGpuMemory(stateDir: string, driverRoot: string): Promise<GpuMemoryStore> {
  const path = join(stateDir, FILE);
  const bootId = await readBootId();
  return {
    initial: await readMemory(path, bootId, driverRoot),
    save: ({ verdicts, gpus, suspects }) => {
      const kept = { bootId, driverRoot, verdicts: Object.fromEntries(verdicts), gpus, suspects: [...suspects] };
      return writeFileDurably(path, `${JSON.stringify(kept)}\n`);
    },
  };
}

interface Kept {
  bootId: string;
  driverRoot?: unknown;
  verdicts: Record<string, unknown>;
  gpus?: unknown;
  suspects?: unknown;
}

async function readMemory(path: string, bootId: string, driverRoot: string): Promise<GpuMemory> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "null";
    throw error;
  });
  const found = parse(text);
  if (found === null || found.bootId !== bootId) return NO_MEMORY;
  const isSame = found.driverRoot === driverRoot;
  return {
    verdicts: new Map(Object.entries(found.verdicts).filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    gpus: isSame && Array.isArray(found.gpus) ? found.gpus.filter(isGpu) : [],
    suspects: new Set(isSame && Array.isArray(found.suspects) ? found.suspects.filter((uuid) => typeof uuid === "string") : []),
  };
}

/** The file is replaced whole: one that cannot be read was damaged by something else, and says nothing of the GPUs. */
function parse(text: string): Kept | null {
  try {
    const found = JSON.parse(text) as Partial<Kept> | null;
    if (typeof found?.bootId !== "string" || typeof found.verdicts !== "object" || found.verdicts === null) return null;
    return found as Kept;
  } catch {
    return null;
  }
}

function isGpu(value: unknown): value is Gpu {
  const gpu = value as Partial<Gpu> | null;
  return typeof gpu?.uuid === "string" && typeof gpu.pciBusId === "string" && typeof gpu.index === "number";
}

export interface MemoryKeeper {
  keep(): void;
  /** The same where the GPUs, their slots or the suspects differ from what was kept last. */
  keepChanges(): void;
  /** Resolves when all of it is on the disk; why it is not, for people. */
  problem(): Promise<string | null>;
}

/** Writes the newest memory, one write after the other; a disk that is full shows as the inventory's problem until a write succeeds. */
export function keepMemory(store: GpuMemoryStore | undefined, current: () => GpuMemory): MemoryKeeper {
  let last: Promise<string | null> = Promise.resolve(null);
  let kept = store === undefined ? "" : placesOf(store.initial);
  const save = (): Promise<string | null> | null => {
    const memory = current();
    return (
      store?.save(memory).then(
        () => {
          kept = placesOf(memory);
          return null;
        },
        (error: unknown) => `what is known of the GPUs cannot be kept: ${errorText(error)}`,
      ) ?? null
    );
  };
  const keep = (): void => {
    last = last.then(save);
  };
  return {
    keep,
    keepChanges: () => {
      if (store !== undefined && placesOf(current()) !== kept) keep();
    },
    problem: () => last,
  };
}

function placesOf({ gpus, suspects }: GpuMemory): string {
  return JSON.stringify([gpus.map(({ uuid, pciBusId, index }) => [uuid, pciBusId, index]), [...suspects]]);
}
