import { PassThrough } from "node:stream";
import type { CliIo, StopSignal } from "../../../src/cli/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import { specOf } from "../../support/control-samples.ts";

export interface CapturedIo {
  io: CliIo;
  stdin: PassThrough;
  stdout(): string;
  stderr(): string;
  /** Sends a signal to the verb that runs. */
  signal(name: StopSignal): void;
}

/** A CliIo whose output is kept, without a terminal. */
export function capturedIo(env: Record<string, string | undefined> = {}): CapturedIo {
  const text = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => new PassThrough().on("data", (chunk: Buffer) => (text[name] += chunk.toString("utf8")));
  const stdin = new PassThrough();
  const listeners = new Map<StopSignal, Set<() => void>>();
  const io: CliIo = {
    stdin,
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    env,
    colour: { stdout: false, stderr: false },
    interactive: false,
    clock: systemClock(),
    onSignal(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
    exitCode: 0,
  };
  const signal = (name: StopSignal) => {
    for (const listener of [...(listeners.get(name) ?? [])]) listener();
  };
  return { io, stdin, stdout: () => text.stdout, stderr: () => text.stderr, signal };
}

/** A job with everything filled in. */
export function sampleJob(changes: Partial<Job> = {}, spec: Partial<Job["spec"]> = {}): Job {
  return {
    id: "7",
    spec: specOf({ name: "trainer", image: "trainer:v2", ...spec }),
    state: "pending",
    epoch: 0,
    version: 1,
    user: "ada",
    submittedAt: 1_000_000,
    queuedAt: 1_000_000,
    startedAt: null,
    finishedAt: null,
    retriesUsed: 0,
    attempt: null,
    pendingReason: null,
    outcome: null,
    ...changes,
  };
}
