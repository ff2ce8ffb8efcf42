import { gpusCounted } from "../../shared/domain/index.ts";
import type { ActiveJob, PendingJob, Placement } from "../scheduler/index.ts";
import { progressAfter, type Saving, secondsFor, stopOf } from "./checkpoint-time.ts";

/** A job of a trace, as the loop needs it. */
export interface SimulatedJob {
  submitSeconds: number;
  /** Known to the simulator alone. */
  durationSeconds: number;
  /** Lost when it is preempted and starts again. */
  restartSeconds: number;
  /** What it keeps when it is stopped; absent is "always". */
  saving?: Saving;
  timeLimitSeconds: number | null;
  /** Whose jobs are like it, and its GPUs: for the history. */
  group: string;
  gpus: number;
  /** The array it is a task of, and how many of that may wait or run at a time. */
  array?: { id: string; limit: number | null };
  /** As it is submitted. */
  pending: PendingJob;
}

/** How a job fared, seconds. */
export interface FinishedRun<Job> {
  job: Job;
  firstStart: number;
  end: number;
  /** Times it was stopped so that another could start, moves among them. */
  preemptions: number;
  moves: number;
  /** What its attempts held, what they computed, and what of that had to be computed again. */
  heldGpuSeconds: number;
  workGpuSeconds: number;
  lostGpuSeconds: number;
}

/** A job that has not ended. */
export interface Run<Job> extends Omit<FinishedRun<Job>, "end"> {
  simulated: SimulatedJob;
  pending: PendingJob;
  active: ActiveJob | null;
  /** GPUs that the attempt holds. */
  activeGpus: number;
  /** Until the attempt ends by itself. */
  remaining: number;
  /** Work that no attempt has saved. */
  workLeft: number;
  /** At the start of the attempt. */
  overhead: number;
  attained: number;
  /** When it has stopped; null while nobody asked it to. */
  stopsAt: number | null;
  movedAt: number | null;
}

/** A job that has just been submitted. Its `pending` is its own copy: the simulation changes it. */
export function newRun<Job>(job: Job, simulated: SimulatedJob): Run<Job> {
  return {
    ...{ job, simulated, pending: { ...simulated.pending }, active: null, activeGpus: 0, remaining: simulated.durationSeconds },
    ...{ workLeft: simulated.durationSeconds, overhead: 0, attained: 0, stopsAt: null, movedAt: null },
    ...{ firstStart: -1, preemptions: 0, moves: 0, heldGpuSeconds: 0, workGpuSeconds: 0, lostGpuSeconds: 0 },
  };
}

/** Time passes for what runs. */
export function advance<Job>(run: Run<Job>, seconds: number): void {
  if (run.stopsAt === null) run.remaining -= seconds;
  run.attained += seconds;
  run.heldGpuSeconds += seconds * run.activeGpus;
}

/** Its attempt begins at `now`, seconds. Changes `run`. */
export function startRun<Job>(run: Run<Job>, { assignments }: Placement, now: number): void {
  const { id, resources, priority, project, user } = run.pending;
  const { timeLimitSeconds } = run.simulated;
  const saving = savingOf(run);
  if (run.firstStart < 0) run.firstStart = now;
  run.pending.hasRun = true;
  run.activeGpus = gpusCounted(resources) * assignments.length;
  if (saving !== "always") run.remaining = secondsFor(run.workLeft, run.overhead, saving);
  run.active = {
    ...{ id, resources, assignments, priority, startedAt: now * 1000 },
    ...(project === undefined ? {} : { project }),
    ...(user === undefined ? {} : { user }),
    ...(timeLimitSeconds === null ? {} : { endsAt: (now + timeLimitSeconds) * 1000 }),
    ...(typeof saving === "string" ? {} : { again: run.pending, stopGraceMs: saving.graceSeconds * 1000 }),
    ...(run.movedAt === null ? {} : { movedAt: run.movedAt * 1000 }),
  };
}

/** It is asked to stop. @returns false when that takes time */
export function askToStop<Job>(run: Run<Job>, isMove: boolean, now: number): boolean {
  if (run.active === null || run.stopsAt !== null) return false;
  run.preemptions += 1;
  if (isMove) {
    run.moves += 1;
    run.movedAt = now;
    run.pending.movedAt = now * 1000;
    run.active.movedAt = now * 1000;
    run.active.again = run.pending;
  }
  const { seconds } = stopOf(savingOf(run));
  run.stopsAt = now + seconds;
  if (seconds === 0) endAttempt(run, now);
  else run.active.stopping = true;
  return seconds === 0;
}

/** It has stopped, and waits again with what it saved. */
export function endAttempt<Job>(run: Run<Job>, now: number): void {
  const saving = savingOf(run);
  const { seconds, savesAll } = stopOf(saving);
  const { done, saved } = progressOf(run, now - seconds);
  const kept = savesAll ? done : saved;
  run.workGpuSeconds += done * run.activeGpus;
  run.lostGpuSeconds += (done - kept) * run.activeGpus;
  const restart = run.simulated.restartSeconds;
  // One that is stopped while it comes back has the rest of that before it too.
  run.overhead = saving === "always" ? Math.max(0, run.overhead - (now - startOf(run))) + restart : restart;
  run.workLeft -= kept;
  run.remaining += restart;
  run.active = null;
  run.activeGpus = 0;
  run.stopsAt = null;
}

/** What the run comes to when its attempt ends by itself at `end`, seconds: what was left of its work is done. */
export function finished<Job>({ job, firstStart, preemptions, moves, ...run }: Run<Job>, end: number): FinishedRun<Job> {
  const { heldGpuSeconds, lostGpuSeconds } = run;
  const workGpuSeconds = run.workGpuSeconds + run.workLeft * run.activeGpus;
  return { job, firstStart, end, preemptions, moves, heldGpuSeconds, workGpuSeconds, lostGpuSeconds };
}

/** The scheduler is told of the checkpoints that were acknowledged. */
export function tellCheckpoint<Job>(run: Run<Job>, now: number): void {
  if (run.active === null || run.stopsAt !== null || typeof savingOf(run) === "string") return;
  const { savedAfter } = progressOf(run, now);
  if (savedAfter !== null) run.active.checkpointAt = (startOf(run) + savedAfter) * 1000;
}

/** Seconds of work between two moments of its attempt, none while it stops. */
export function workBetween<Job>(run: Run<Job>, from: number, to: number): number {
  if (run.active === null || run.stopsAt !== null) return 0;
  return progressOf(run, to).done - progressOf(run, from).done;
}

function progressOf<Job>(run: Run<Job>, now: number) {
  return progressAfter(now - startOf(run), run.overhead, savingOf(run));
}

function startOf<Job>({ active }: Run<Job>): number {
  return (active?.startedAt ?? 0) / 1000;
}

function savingOf<Job>({ simulated }: Run<Job>): Saving {
  return simulated.saving ?? "always";
}
