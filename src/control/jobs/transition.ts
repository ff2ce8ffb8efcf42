import type { Job } from "../../shared/domain/index.ts";
import type { JobChange, Transition } from "./job-change.ts";
import { cancel } from "./transition/cancel.ts";
import { takeImageFacts } from "./transition/image-looked-up.ts";
import { loseNode, loseReplica } from "./transition/lose-replicas.ts";
import { explainPending } from "./transition/pending-reason.ts";
import { place } from "./transition/place.ts";
import { preempt } from "./transition/preempt.ts";
import { promiseRoom } from "./transition/promise-room.ts";
import { report } from "./transition/replica-report.ts";

/**
 * The job state table, the only writer of a row:
 *
 *   change \ state    pending          starting, running         stopping                 succeeded, failed, cancelled
 *   placed            starting         conflict                  conflict                 conflict
 *   replica-report    stale_epoch (1)  running | stopping | (2)  stopping | (2)           same epoch: nothing; else stale_epoch
 *   cancel-requested  cancelled        stopping                  stopping, then cancelled cancelled: nothing; else conflict
 *   preempted         nothing          stopping                  nothing                  nothing
 *   node-lost         nothing          stopping | (2)            stopping | (2)           nothing
 *   replica-missing   nothing          stopping | (2)            stopping | (2)           nothing
 *   room-promised     pending          nothing                   nothing                  nothing
 *   pending-reason    pending          nothing                   nothing                  nothing
 *   image-looked-up   pending          nothing                   nothing                  nothing
 *
 *   (1) a report of a higher epoch than the row's raises the row's epoch: the store was restored from an older copy, and
 *       an epoch must never be given twice.
 *   (2) when the last replica has ended: succeeded, failed, cancelled, or pending again (retry, or lost node).
 *
 * Pure. Returns the same job object when nothing changes, so repeated and late reports are harmless.
 * @throws BerthError stale_epoch, conflict
 */
export function applyEvent(job: Job, change: JobChange, now: number): Transition {
  switch (change.type) {
    case "placed":
      return place(job, change.assignments, now);
    case "replica-report":
      return report(job, change.nodeId, change.report, now, change.sickGpus);
    case "cancel-requested":
      return cancel(job, change.by, now);
    case "preempted":
      return preempt(job, change, now);
    case "node-lost":
      return loseNode(job, change.nodeId, change.why, now);
    case "replica-missing":
      return loseReplica(job, change, now);
    case "pending-reason":
      return explainPending(job, change.reason);
    case "image-looked-up":
      return takeImageFacts(job, change);
    case "room-promised":
      return promiseRoom(job, change.promise);
  }
}
