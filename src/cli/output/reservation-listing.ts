import { type Job, nameOfJobId } from "../../shared/domain/index.ts";
import type { ReservationView } from "../../shared/wire/index.ts";
import type { Listing } from "./formats.ts";

const NODES_NAMED = 4;

/** The table of `berth reservation ls`. */
export function reservationListing(): Listing<ReservationView> {
  const moment = (milliseconds: number) => `${new Date(milliseconds).toISOString().slice(0, 16)}Z`;
  return {
    columns: [
      { title: "NAME", value: (one) => one.name },
      { title: "FROM", value: (one) => moment(one.from) },
      { title: "TO", value: (one) => moment(one.to) },
      { title: "FOR", value: (one) => (one.projects.length === 0 ? "maintenance" : one.projects.join(",")) },
      { title: "NODES", value: (one) => nodesText(one.nodes, NODES_NAMED) },
    ],
    wide: [{ title: "ALL NODES", value: (one) => one.nodes.join(",") }],
    name: (one) => one.name,
    empty: "nothing is reserved",
  };
}

/** "n1,n2", "n1,n2,n3,n4 and 12 more". */
function nodesText(nodes: readonly string[], most: number): string {
  const rest = nodes.length - most;
  return rest > 0 ? `${nodes.slice(0, most).join(",")} and ${rest} more` : nodes.join(",");
}

const JOBS_NAMED = 5;

/** Which jobs may still run on the nodes when the window begins, and what ends them; null when none does. */
export function stillThere({ from, nodes, projects }: ReservationView, jobs: readonly Job[]): string | null {
  const late = jobs.filter(
    (job) =>
      !projects.includes(job.spec.project) &&
      latestEnd(job) > from &&
      job.attempt?.assignments.some(({ nodeId }) => nodes.includes(nodeId)),
  );
  if (late.length === 0) return null;
  const more = late.length > JOBS_NAMED ? ` and ${late.length - JOBS_NAMED} more` : "";
  const named = late.slice(0, JOBS_NAMED).map((job) => nameOfJobId(job));
  return `may run there beyond its beginning: job ${named.join(", ")}${more}; \`berth node drain --evict NODE\` stops them then`;
}

function latestEnd({ spec, attempt }: Job): number {
  const started = attempt?.startedAt ?? attempt?.assignedAt ?? 0;
  return spec.timeLimitSeconds === null ? Number.POSITIVE_INFINITY : started + (spec.timeLimitSeconds + spec.stopGraceSeconds) * 1000;
}
