import { errorText } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import type { DiagnosticRequest, DiagnosticResult } from "../../../shared/wire/index.ts";

export interface Diagnostician {
  /** What the control plane asks for now. At most one diagnostic runs at a time; what is in use or done already is passed by. */
  ask(requests: readonly DiagnosticRequest[]): void;
  /** For the next sync. */
  results(): DiagnosticResult[];
  /** These have reached the control plane. */
  delivered(results: readonly DiagnosticResult[]): void;
}

export interface DiagnosticianParts {
  /** Why the GPU (null: the node) must stay out of use; null when nothing speaks against it. */
  diagnose(gpuUuid: string | null, signal: AbortSignal): Promise<string | null>;
  /** True while a container has the GPU (null: any): its diagnostic waits, the control plane asks again. */
  inUse(gpuUuid: string | null): boolean;
  onResult(): void;
  log: Logger;
}

/** `signal` ends the diagnostic in hand, of which then nothing is told: the control plane asks again. */
export function createDiagnostician({ diagnose, inUse, onResult, log }: DiagnosticianParts, signal: AbortSignal): Diagnostician {
  const waiting = new Map<string, DiagnosticResult>();
  let running = false;

  const run = async (request: DiagnosticRequest) => {
    running = true;
    try {
      log.info({ gpu: request.gpuUuid, attempt: request.attempt }, "diagnostic of what is in quarantine");
      const why = await diagnose(request.gpuUuid, signal);
      waiting.set(keyOf(request), { ...request, failure: why });
      log.info({ gpu: request.gpuUuid, failure: why }, why === null ? "diagnostic passed" : "diagnostic failed");
    } catch (error) {
      if (!signal.aborted) waiting.set(keyOf(request), { ...request, failure: errorText(error) });
    } finally {
      running = false;
    }
    if (!signal.aborted) onResult();
  };
  return {
    ask: (requests) => {
      const next = requests.find((request) => !waiting.has(keyOf(request)) && !inUse(request.gpuUuid));
      if (!running && next !== undefined) void run(next);
    },
    results: () => [...waiting.values()],
    delivered: (results) => {
      for (const result of results) waiting.delete(keyOf(result));
    },
  };
}

function keyOf({ gpuUuid, since, attempt }: DiagnosticRequest): string {
  return `${gpuUuid} ${since} ${attempt}`;
}
