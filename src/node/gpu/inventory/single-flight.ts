import { type Clock, errorText } from "../../../shared/domain/index.ts";

export type Answer<T> = { value: T } | { problem: string };

/**
 * One NVML call of a kind at a time, waited for at most `timeoutMs`. NVML hangs when a GPU has fallen off the bus, and a hung
 * call can neither be cancelled nor lets go of its thread: until it returns, callers share it and are answered at once.
 */
export function singleFlight<T>(options: { clock: Clock; timeoutMs: number; call(library: string): Promise<T> }): SingleFlight<T> {
  let underWay: { answer: Promise<Answer<T>>; deadline: number } | null = null;
  return {
    busy: () => underWay !== null,
    settled: async () => {
      if (underWay !== null) await withDeadline(underWay.answer, underWay.deadline, options);
      return underWay === null;
    },
    ask: (library) => {
      underWay ??= {
        deadline: options.clock.monotonic() + options.timeoutMs,
        answer: answerOf(options.call, library).finally(() => {
          underWay = null;
        }),
      };
      return withDeadline(underWay.answer, underWay.deadline, options);
    },
  };
}

export interface SingleFlight<T> {
  /** Never rejects. */
  ask(library: string): Promise<Answer<T>>;
  busy(): boolean;
  /** Waits for the call under way; false when it outlasts its deadline. */
  settled(): Promise<boolean>;
}

async function answerOf<T>(call: (library: string) => Promise<T>, library: string): Promise<Answer<T>> {
  try {
    return { value: await call(library) };
  } catch (error) {
    return { problem: `NVML failed: ${errorText(error)}` };
  }
}

async function withDeadline<T>(
  answer: Promise<Answer<T>>,
  deadline: number,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<Answer<T>> {
  const answered = new AbortController();
  const problem: Answer<T> = { problem: `NVML did not answer within ${timeoutMs / 1000} s` };
  const left = Math.max(0, deadline - clock.monotonic());
  const late = clock.sleep(left, answered.signal).then(
    () => problem,
    () => problem,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
  }
}
