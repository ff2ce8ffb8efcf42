import type { NodeControls, Quarantine, Release } from "../../shared/domain/index.ts";
import type { DiagnosticRequest, DiagnosticResult } from "../../shared/wire/index.ts";

const LONGEST_WAIT_MS = 24 * 3600_000;
/** A release that held so long is forgotten: the next quarantine begins as the first did. */
const FORGOTTEN_MS = 7 * 24 * 3600_000;
const MOST_RELEASES = 64;

/** What of the node's quarantines is due for a diagnostic: `afterMs` after it began, and twice as long after every failure and every earlier quarantine. */
export function dueDiagnostics(controls: NodeControls | undefined, now: number, afterMs: number): DiagnosticRequest[] {
  return (controls?.quarantines ?? [])
    .filter((quarantine) => now >= nextDiagnosticAt(quarantine, controls?.releases ?? [], afterMs))
    .map(({ gpuUuid, since, diagnostic }) => ({ gpuUuid, since, attempt: (diagnostic?.failures ?? 0) + 1 }));
}

/**
 * The node's controls after a diagnostic: a pass ends the quarantine and forgets what it was charged with, a failure keeps it
 * and says why. A result of another quarantine, or one that was counted already, changes nothing.
 */
export function applyDiagnostic(controls: NodeControls, { gpuUuid, since, attempt, failure }: DiagnosticResult, now: number): NodeControls {
  const found = controls.quarantines.find((quarantine) => quarantine.gpuUuid === gpuUuid && quarantine.since === since);
  if (found === undefined || (found.diagnostic?.failures ?? 0) + 1 !== attempt) return controls;
  const others = controls.quarantines.filter((quarantine) => quarantine !== found);
  if (failure !== null) {
    return { ...controls, quarantines: [...others, { ...found, diagnostic: { failures: attempt, at: now, failure } }] };
  }
  const { charges = [], releases = [], ...rest } = controls;
  const times = (releases.find((release) => release.gpuUuid === gpuUuid && now - release.at < FORGOTTEN_MS)?.times ?? 0) + 1;
  const remembered = releases.filter((release) => release.gpuUuid !== gpuUuid && now - release.at < FORGOTTEN_MS);
  return {
    ...rest,
    quarantines: others,
    charges: charges.filter((charge) => charge.gpuUuid !== gpuUuid),
    releases: [...remembered, { gpuUuid, at: now, times }].slice(-MOST_RELEASES),
  };
}

function nextDiagnosticAt({ gpuUuid, since, diagnostic }: Quarantine, releases: readonly Release[], afterMs: number): number {
  const before = releases.find((release) => release.gpuUuid === gpuUuid && since - release.at < FORGOTTEN_MS)?.times ?? 0;
  const failures = diagnostic?.failures ?? 0;
  return (diagnostic?.at ?? since) + Math.min(LONGEST_WAIT_MS, afterMs * 2 ** Math.min(30, before + failures));
}
