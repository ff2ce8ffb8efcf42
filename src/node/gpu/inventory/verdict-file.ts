import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readBootId, writeFileDurably } from "../../platform/index.ts";

/** Why GPUs must not be handed out, by UUID: outlasts the agent, which may die of the same fault that the GPU has. */
export interface VerdictStore {
  initial: ReadonlyMap<string, string>;
  save(verdicts: ReadonlyMap<string, string>): Promise<void>;
}

const FILE = "gpu-verdicts.json";

/** A boot resets every GPU, so verdicts of an earlier one are dropped. */
export async function openVerdictFile(stateDir: string): Promise<VerdictStore> {
  const path = join(stateDir, FILE);
  const bootId = await readBootId();
  return {
    initial: await readVerdicts(path, bootId),
    save: (verdicts) => writeFileDurably(path, `${JSON.stringify({ bootId, verdicts: Object.fromEntries(verdicts) })}\n`),
  };
}

async function readVerdicts(path: string, bootId: string): Promise<Map<string, string>> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "null";
    throw error;
  });
  const found = parse(text);
  if (found === null || found.bootId !== bootId) return new Map();
  return new Map(Object.entries(found.verdicts).filter(([, problem]) => typeof problem === "string"));
}

/** The file is replaced whole: one that cannot be read was damaged by something else, and says nothing of the GPUs. */
function parse(text: string): { bootId: string; verdicts: Record<string, string> } | null {
  try {
    const found = JSON.parse(text) as { bootId?: unknown; verdicts?: unknown } | null;
    if (typeof found?.bootId !== "string" || typeof found.verdicts !== "object" || found.verdicts === null) return null;
    return { bootId: found.bootId, verdicts: found.verdicts as Record<string, string> };
  } catch {
    return null;
  }
}
