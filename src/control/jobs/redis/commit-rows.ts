import type { Redis } from "ioredis";
import { BerthError, isTerminal, type Job } from "../../../shared/domain/index.ts";
import { claimsOf } from "../gpu-claims.ts";
import { groupCalls } from "../group-calls.ts";
import { nodesOf, queueMember, queueScore } from "../job-indexes.ts";
import type { JobStore, PlacementRevision, RowChange } from "../job-store.ts";
import type { Fence } from "../leader-store.ts";
import { encodeRow } from "./job-rows.ts";
import { KEYS, MOST_CHANGES, MOST_HISTORY } from "./keys.ts";
import { batchScript, runBatch, type ScriptCall } from "./redis-call.ts";
import { refusal } from "./refusal.ts";
import { transitionLua } from "./scripts/transition.lua.ts";

const TRANSITION = batchScript(transitionLua);
/** A script keeps everybody else waiting: this many take it about ten milliseconds. */
const MOST_AT_ONCE = 128;

type Reply = [number, string?, string?, string?];

/** Rows that are committed at the same time are written, and synced to disk, together. */
export function createCommits(redis: Redis): Pick<JobStore, "commit" | "commitAll"> {
  const send = async (calls: ScriptCall[]) => (await runBatch(redis, TRANSITION, calls)) as Reply[];
  const one = groupCalls<ScriptCall, Reply>(MOST_AT_ONCE, send);
  return {
    commit: async (previous, transition, now, revision, fence) => {
      const result = resultOf(transition.job, await one(callOf({ previous, transition }, now, revision, fence)));
      if (result instanceof BerthError) throw result;
      return result;
    },
    commitAll: async (changes, now, revision, fence) => {
      const results: (Job | BerthError)[] = [];
      let placed = 0;
      for (let start = 0; start < changes.length; start += MOST_AT_ONCE) {
        const part = changes.slice(start, start + MOST_AT_ONCE);
        const since = revision === undefined ? undefined : revision + placed;
        const replies = await send(part.map((change) => callOf(change, now, since, fence)));
        part.forEach((change, place) => {
          const result = resultOf(change.transition.job, replies[place]);
          results.push(result);
          if (isPlacement(change) && !(result instanceof BerthError)) placed += 1;
        });
      }
      return results;
    },
  };
}

function isPlacement({ previous, transition }: RowChange): boolean {
  return previous.state === "pending" && transition.job.state === "starting";
}

function resultOf(job: Job, [code, claim, why, owner]: Reply = [0]): Job | BerthError {
  return code === 1 ? job : refusal(code, job.id, claim, why, owner);
}

function callOf(change: RowChange, now: number, revision: PlacementRevision | undefined, fence: Fence | undefined): ScriptCall {
  const { previous, transition } = change;
  const { job, history } = transition;
  const score = job.state === "pending" ? queueScore(job) : "";
  return {
    keys: [
      ...[KEYS.job(job.id), KEYS.events(job.id), KEYS.state(previous.state), KEYS.state(job.state), KEYS.queue, KEYS.claims],
      ...[KEYS.placements, KEYS.leaderFence, ...arrayKeys(job)],
    ],
    args: [
      ...[job.id, previous.state, previous.epoch, previous.version, job.state, job.epoch, job.version, encodeRow(job)],
      ...[score, queueMember(job.id), JSON.stringify(claimsOf(job)), JSON.stringify(nodesOf(job)), JSON.stringify(history), MOST_HISTORY],
      ...[now, KEYS.nodeJobsPrefix, KEYS.changedChannel, revision ?? "", isPlacement(change) ? "1" : "", fence ?? ""],
      ...[job.task?.index ?? "", isTerminal(job.state) ? "1" : "", job.outcome?.exitCode ?? "", KEYS.changes, MOST_CHANGES],
    ],
  };
}

/** Unused, but always there, for a job that is no task: a script's keys are counted. */
function arrayKeys({ id, task }: Job): string[] {
  const arrayId = task?.arrayId ?? id;
  return [KEYS.arrayCounts(arrayId), KEYS.arrayLive(arrayId), KEYS.arrayFailed(arrayId)];
}
