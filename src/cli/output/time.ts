import { formatDuration, type Job } from "../../shared/domain/index.ts";

/** "5m12s" between two moments in milliseconds; null when one is missing. */
export function between(from: number | null, to: number | null): string | null {
  return from === null || to === null ? null : formatDuration(Math.max(0, (to - from) / 1000));
}

/** How long the job has run, or ran. */
export function runtimeOf(job: Job, now: number): string | null {
  return between(job.startedAt, job.finishedAt ?? now);
}

/** "2026-03-01 12:00:00" in local time. */
export function timestamp(milliseconds: number): string {
  const date = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19).replace("T", " ");
}
