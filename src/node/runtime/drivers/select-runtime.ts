import type { CgroupLayout } from "../../platform/index.ts";

export interface RuntimeCandidate {
  name: "crun" | "runc";
  path: string;
  version: string;
}

/** What running a trivial container with one candidate showed. */
export interface ProbeResult {
  name: "crun" | "runc";
  version: string;
  /** Of the fastest run; null when it did not work. */
  milliseconds: number | null;
  /** The runtime's message; null when it worked. */
  problem: string | null;
}

export interface Selection {
  name: "crun" | "runc";
  /** For people: "fastest of crun 1.8.1 (9 ms), runc 1.1.5 (28 ms)". */
  reason: string;
}

/** The fastest that works, or the wanted one; null when it does not work or none does. */
export function selectRuntime(results: readonly ProbeResult[], wanted: "auto" | "crun" | "runc"): Selection | null {
  const working = results
    .filter((result) => result.milliseconds !== null && (wanted === "auto" || result.name === wanted))
    .sort((a, b) => (a.milliseconds ?? 0) - (b.milliseconds ?? 0));
  const [best] = working;
  if (!best) return null;
  if (wanted !== "auto") return { name: best.name, reason: `${describe(best)}, as configured` };
  return { name: best.name, reason: `fastest of ${results.map(describe).join(", ")}` };
}

/** "crun 1.8.1 (9 ms)", or why it does not work in place of the time. */
export function describe({ name, version, milliseconds, problem }: ProbeResult): string {
  return `${name} ${version} (${milliseconds === null ? problem : `${Math.round(milliseconds)} ms`})`;
}

/** crun refuses a hybrid host unless the unified tree is out of its sight; runc and other hosts need no help. */
export function needsV1View(name: "crun" | "runc", mode: CgroupLayout["mode"]): boolean {
  return name === "crun" && mode === "hybrid";
}
