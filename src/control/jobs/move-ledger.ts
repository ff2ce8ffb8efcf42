import type { Job } from "../../shared/domain/index.ts";

const HOUR_MS = 3_600_000;

/** Counts the jobs that were moved within the last hour. */
export interface MoveLedger {
  count(rows: readonly Pick<Job, "id" | "movedAt">[], now: number): number;
}

/** The rows tell it to a new leader too; of those that have ended since, this process alone knows. */
export function createMoveLedger(): MoveLedger {
  const moved = new Map<string, number>();
  return {
    count: (rows, now) => {
      for (const { id, movedAt } of rows) if (movedAt !== undefined) moved.set(id, movedAt);
      for (const [id, at] of moved) if (now - at >= HOUR_MS) moved.delete(id);
      return moved.size;
    },
  };
}
