import type { Job } from "../shared/domain/index.ts";

/**
 * What `berth` exits with. `run` and `wait` return the job's own code; 125-127 keep Docker's meaning there: Berth's
 * fault, the command cannot be executed, the command is not found.
 */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  /** As timeout(1). */
  timeout: 124,
  infrastructure: 125,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
  outOfMemory: 137,
  cancelled: 143,
} as const;

/**
 * The exit code that stands for an ended job. Only a job that succeeded gives 0: a missing code is never invented as
 * success.
 */
export function exitCodeOfJob(job: Job): number {
  if (job.state === "succeeded") return EXIT.ok;
  const code = job.outcome?.exitCode ?? null;
  if (code !== null && code !== 0) return code;
  return codeOfCause(job);
}

function codeOfCause(job: Job): number {
  switch (job.outcome?.cause) {
    case "cancelled":
    case "stopped":
      return EXIT.cancelled;
    case "time-limit":
      return EXIT.timeout;
    case "oom":
      return EXIT.outOfMemory;
    case "start-failed":
      return startFailure(job.outcome.message);
    default:
      return job.state === "cancelled" ? EXIT.cancelled : EXIT.infrastructure;
  }
}

/** The OCI runtimes say in words only why execve failed. */
function startFailure(message: string): number {
  if (/permission denied/i.test(message) && /exec/i.test(message)) return EXIT.notExecutable;
  if (/executable file .*not found|no such file or directory/i.test(message) && /exec/i.test(message)) return EXIT.notFound;
  return EXIT.infrastructure;
}

/** The worst of several codes: the first that is not 0. */
export function worstExitCode(codes: readonly number[]): number {
  return codes.find((code) => code !== 0) ?? 0;
}
