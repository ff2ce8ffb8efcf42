import type { ExitCause } from "../../shared/domain/index.ts";
import type { ReplicaReport } from "../../shared/wire/index.ts";
import type { Container, ContainerExit } from "../engine/index.ts";
import { phaseOf, type ReplicaEntry } from "./replica-entry.ts";
import type { ReplicaRecord } from "./replica-records.ts";

/** Limit of ReplicaReportSchema.message. */
const MESSAGE_CHARACTERS = 8192;

/**
 * What the control plane is told of one replica. An ended one is still told as running while its log is on the way,
 * so that whoever follows the log has every byte before the job is over.
 */
export function reportOf(entry: ReplicaEntry, container: Container | null): ReplicaReport {
  const phase = phaseOf(entry, container);
  if (phase === "starting") return report(entry, "preparing", {});
  const startedAt = container?.startedAt ?? null;
  const ports = portsOf(container);
  const shipping = phase === "exited" && container !== null && entry.logs === "open";
  if (phase === "running" || shipping) return report(entry, "running", { startedAt, ...ports });
  return report(entry, "exited", { ...endOf(entry, container?.exit ?? null), startedAt, ...messageOfEnd(entry) });
}

function portsOf(container: Container | null): Details {
  return container === null || container.ports.length === 0 ? {} : { ports: container.ports };
}

type Details = Partial<Pick<ReplicaReport, "message" | "cause" | "exitCode" | "startedAt" | "finishedAt" | "usage" | "ports">>;

function report(entry: ReplicaEntry, state: ReplicaReport["state"], details: Details): ReplicaReport {
  const { jobId, epoch, rank } = entry.key;
  const message = details.message ?? entry.message;
  return {
    jobId,
    epoch,
    rank,
    state,
    cause: details.cause ?? null,
    exitCode: details.exitCode ?? null,
    startedAt: details.startedAt ?? null,
    finishedAt: details.finishedAt ?? null,
    usage: details.usage ?? null,
    message: message === null ? null : message.slice(0, MESSAGE_CHARACTERS),
    ...(details.ports === undefined ? {} : { ports: details.ports }),
    ...(entry.checkpointAt === null ? {} : { checkpointAt: entry.checkpointAt }),
  };
}

function endOf(entry: ReplicaEntry, exit: ContainerExit | null): Details {
  const { record } = entry;
  if (exit)
    return {
      cause: causeOf(record.ending ?? gaveWay(entry), exit),
      exitCode: exit.exitCode,
      finishedAt: exit.finishedAt,
      usage: exit.usage,
    };
  if (record.startFailure) return { cause: "start-failed", finishedAt: record.startFailure.at };
  if (record.ending) return { cause: record.ending.cause, finishedAt: record.ending.at };
  return { cause: "lost" };
}

/**
 * It ended by itself when it was asked for a checkpoint and has acknowledged one: it made room as asked. Without one it had
 * simply come to its end meanwhile.
 */
function gaveWay({ record: { checkpointAsked }, checkpointAt }: ReplicaEntry): ReplicaRecord["ending"] {
  const acknowledged = checkpointAsked != null && checkpointAt !== null && checkpointAt !== checkpointAsked.seen;
  return acknowledged ? { cause: "stopped", at: checkpointAt } : null;
}

function messageOfEnd(entry: ReplicaEntry): Details {
  const { startFailure } = entry.record;
  if (startFailure) return { message: `${startFailure.code}: ${startFailure.message}` };
  return entry.logs === "given-up" ? { message: "the end of its log could not be sent in time" } : {};
}

/** Our own wish explains an end only when it came first and the kernel or the lease guard did not decide it. */
export function causeOf(ending: ReplicaRecord["ending"], exit: Pick<ContainerExit, "cause" | "finishedAt">): ExitCause {
  if (ending === null || exit.finishedAt < ending.at) return exit.cause;
  return exit.cause === "exited" || exit.cause === "signal" ? ending.cause : exit.cause;
}
