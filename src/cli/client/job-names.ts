import { BerthError, errorText, parseTaskIndexes, taskIndexList } from "../../shared/domain/index.ts";

/** Names that one command line may unfold to. */
const MOST_NAMED = 10_000;

/** "job/7", as -o name prints it, is 7. */
export function jobId(text: string): string {
  return text.startsWith("job/") ? text.slice("job/".length) : text;
}

/** A job, or tasks of an array: "81_[0-4]" is tasks 0-4 of array 81. */
export interface JobOrTasks {
  id: string;
  /** Null for the job as a whole. */
  tasks: string | null;
}

/**
 * Reads "7", "job/7", a name, or "81_[0-4]"; a "%10" within the brackets is dropped: it limits a submission, not a choice.
 * The indexes are not checked here, the server does that.
 */
export function jobOrTasks(text: string): JobOrTasks {
  const match = /^(\d+)_\[([^\]]*)\]$/.exec(jobId(text));
  return match === null ? { id: jobId(text), tasks: null } : { id: match[1] ?? "", tasks: (match[2] ?? "").split("%")[0] ?? "" };
}

/**
 * "81_[0-2]" -> 81_0, 81_1, 81_2: for verbs that look at each by itself.
 * @throws BerthError invalid_request
 */
export function unfoldTasks(text: string): string[] {
  const { id, tasks } = jobOrTasks(text);
  if (tasks === null) return [id];
  const indexes = readIndexes(tasks);
  if (indexes.count > MOST_NAMED)
    throw new BerthError("invalid_request", `${text} names ${indexes.count} tasks; name at most ${MOST_NAMED}`);
  return taskIndexList(indexes).map((index) => `${id}_${index}`);
}

function readIndexes(text: string) {
  try {
    return parseTaskIndexes(text);
  } catch (error) {
    throw new BerthError("invalid_request", errorText(error), { cause: error });
  }
}
