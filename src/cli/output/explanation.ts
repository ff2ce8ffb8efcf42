import { formatBytes, placesText } from "../../shared/domain/index.ts";
import type { ExplanationView } from "../../shared/wire/index.ts";

/** The text of `berth explain` and `berth plan`: the answer first, then the proof, then what to do. */
export function explanationText(view: ExplanationView): string {
  const subject = view.jobId === null ? "the job" : `job ${view.jobId}`;
  const lines = [headline(view, subject)];
  if (view.image?.note != null) lines.push(`  ${view.image.note}`);
  if (view.assignments === null && view.reason !== null) lines.push(`  ${outlook(view)}`);
  if (view.proof !== null) lines.push(`  ${view.proof}`);
  for (const { nodes, detail, examples } of view.blocked) {
    const more = nodes > examples.length ? ` and ${nodes - examples.length} more` : "";
    lines.push(`    ${nodes} ${detail}: ${examples.join(", ")}${more}`);
  }
  if (view.changes.length > 0)
    lines.push("  any of these starts it now, the cheapest first:", ...view.changes.map(({ words }) => `    ${words}`));
  else if (view.assignments === null && view.reason !== null) lines.push("  no single change of the job starts it now");
  return `${lines.join("\n")}\n`;
}

function outlook({ start, startUnknown }: ExplanationView): string {
  if (start === null) return `no estimate of its start: ${startUnknown}`;
  if (minute(start.p50) === minute(start.p90)) return `likely starts by ${minute(start.p90)}`;
  return `likely starts around ${minute(start.p50)}, nine times in ten by ${minute(start.p90)}`;
}

/** "2026-03-01 14:20 UTC". */
function minute(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function headline(view: ExplanationView, subject: string): string {
  if (view.assignments !== null) {
    const verb = view.state === "pending" || view.state === "planned" ? "starts now" : `is ${view.state}`;
    const pulls = view.pullBytes ? `; pulls ${formatBytes(view.pullBytes)} of its image first` : "";
    return `${subject} ${verb} on ${placesText(view.assignments)}${pulls}`;
  }
  return view.reason === null ? `${subject} is ${view.state}` : `${subject} waits: ${view.reason}`;
}
