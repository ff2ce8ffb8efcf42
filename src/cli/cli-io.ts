import type { Readable, Writable } from "node:stream";
import { BerthError, type Clock, systemClock } from "../shared/domain/index.ts";

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The world as a verb sees it: passed in, so that a test can run a verb without a terminal or a process. */
export interface CliIo {
  stdin: Readable;
  /** Data, for programs and pipes. */
  stdout: Writable;
  /** Progress and errors, for people. */
  stderr: Writable;
  env: Readonly<Record<string, string | undefined>>;
  /** Whether to colour each stream: a terminal, and no NO_COLOR. */
  colour: { stdout: boolean; stderr: boolean };
  /** True when stderr is a terminal: progress may redraw its line. */
  interactive: boolean;
  clock: Clock;
  /** Replaces the default action of a signal until the returned function is called. */
  onSignal(signal: StopSignal, listener: () => void): () => void;
  /** What the process will exit with; a verb's action sets it. */
  exitCode: number;
}

/** The real process. */
export function processIo(): CliIo {
  const env = process.env;
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    colour: { stdout: wantsColour(env, process.stdout.isTTY), stderr: wantsColour(env, process.stderr.isTTY) },
    interactive: process.stderr.isTTY === true && env["TERM"] !== "dumb",
    clock: systemClock(),
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
    exitCode: 0,
  };
}

/** NO_COLOR (no-color.org) wins over everything; FORCE_COLOR over the missing terminal. */
export function wantsColour(env: CliIo["env"], isTerminal: boolean | undefined): boolean {
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"] && env["FORCE_COLOR"] !== "0") return true;
  return isTerminal === true && env["TERM"] !== "dumb";
}

/** The user left with Ctrl-C or SIGTERM: `berth` says so in a word and exits with 130. */
export class Interrupted extends BerthError {
  constructor(cause: unknown) {
    super("invalid_request", "interrupted", { cause, details: { hint: "run it again: it was given up midway" } });
  }
}

/** An AbortSignal that fires at Ctrl-C or SIGTERM, with `close` to give the signals back. */
export function stopSignal(io: CliIo): { signal: AbortSignal; close: () => void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const unsubscribe = (["SIGINT", "SIGTERM"] as const).map((name) => io.onSignal(name, stop));
  const close = () => {
    for (const undo of unsubscribe) undo();
  };
  return { signal: controller.signal, close };
}
