import { type Clock, errorText } from "../../../shared/domain/index.ts";
import type { GpuHost } from "../../gpu/index.ts";
import { runProgram, SYSTEM_PATH } from "../../platform/index.ts";
import { judgeDiagnostic } from "./judge-diagnostic.ts";

/** How long a GPU is watched. */
const WATCH_MS = 10_000;
/** An operator's own check may compute for a while. */
const PROGRAM_MS = 30 * 60_000;
const LONGEST_TEXT = 300;

export interface DiagnosticParts {
  gpuHost: Pick<GpuHost, "inventory" | "status">;
  clock: Clock;
  /** The operator's own check, run after ours have passed; null has none. */
  program: string | null;
}

/**
 * Checks one GPU, or (null) all of the node's.
 * @returns why it must not be used; null when nothing speaks against it. Rejects only when `signal` aborts.
 */
export async function runDiagnostic(parts: DiagnosticParts, gpuUuid: string | null, signal: AbortSignal): Promise<string | null> {
  const { gpuHost, clock, program } = parts;
  await gpuHost.inventory();
  const before = gpuHost.status();
  const uuids = gpuUuid === null ? before.gpus.map(({ uuid }) => uuid) : [gpuUuid];
  if (uuids.length > 0) {
    await clock.sleep(WATCH_MS, signal);
    await gpuHost.inventory();
    const after = gpuHost.status();
    for (const uuid of uuids) {
      const why = judgeDiagnostic(uuid, before, after);
      if (why !== null) return gpuUuid === null ? `${uuid}: ${why}` : why;
    }
  }
  return program === null ? null : operatorsCheck(program, uuids, signal);
}

async function operatorsCheck(program: string, uuids: readonly string[], signal: AbortSignal): Promise<string | null> {
  const list = uuids.join(",");
  const env = { PATH: SYSTEM_PATH, BERTH_GPU_UUIDS: list, CUDA_VISIBLE_DEVICES: list, NVIDIA_VISIBLE_DEVICES: list };
  try {
    const { code, stdout, stderr } = await runProgram(program, [], { env, signal, timeoutMs: PROGRAM_MS });
    const last = `${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? "";
    return code === 0 ? null : `${program} ended with code ${code}${last === "" ? "" : `: ${last.slice(0, LONGEST_TEXT)}`}`;
  } catch (error) {
    signal.throwIfAborted();
    return errorText(error);
  }
}
