import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { BerthError, errorText } from "../../../shared/domain/index.ts";

export interface RunOptions {
  /** The whole environment; by default only a PATH of system folders: nothing of ours leaks into a program. */
  env?: Record<string, string>;
  cwd?: string;
  input?: string | Uint8Array;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** Of stdout and stderr each. More ends the program. */
  maxOutputBytes?: number;
  /** Sees the output as it comes. */
  onOutput?: (chunk: Buffer, stream: "stdout" | "stderr") => void;
}

export interface ProgramResult {
  /** The exit code; 128 + number when a signal ended it, as shells say. */
  code: number;
  stdout: string;
  stderr: string;
}

export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Between SIGTERM, on which a program may clean up after itself, and SIGKILL. */
const KILL_AFTER_MS = 3_000;

/**
 * Runs a program to its end; a non-zero exit is a result, not an error. No shell. The program leads a process group of
 * its own: what it started ends with it when it is aborted, and a Ctrl-C in our terminal does not reach it.
 * @throws BerthError missing_requirement (no such program), internal (timeout, too much output); the signal's reason when aborted
 */
export async function runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  const child = spawn(file, args, {
    env: options.env ?? { PATH: SYSTEM_PATH },
    detached: true,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stop = createStop(child);
  const limits = watchLimits(file, options, stop);
  try {
    const output = collect(child, file, options, stop);
    feed(child, options.input, stop);
    const code = await ended(child, file);
    if (stop.reason() !== undefined) throw stop.reason();
    return { code, stdout: output.stdout(), stderr: output.stderr() };
  } finally {
    limits.clear();
    stop.clear();
  }
}

/** Ends the program once, for the first reason given. */
interface Stop {
  because(reason: unknown): void;
  reason(): unknown;
  clear(): void;
}

function createStop(child: ChildProcess): Stop {
  let kill: NodeJS.Timeout | undefined;
  let first: unknown;
  return {
    because(reason) {
      if (first !== undefined) return;
      first = reason;
      killGroup(child, "SIGTERM");
      kill = setTimeout(() => abandon(child), KILL_AFTER_MS);
    },
    reason: () => first,
    clear: () => clearTimeout(kill),
  };
}

/** What left the group may still hold our pipes: they are not waited for. */
function abandon(child: ChildProcess): void {
  killGroup(child, "SIGKILL");
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** The group may outlive its leader, and is gone when the last member is: both are fine. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function watchLimits(file: string, options: RunOptions, stop: Stop): { clear(): void } {
  const onAbort = () => stop.because(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop.because(new BerthError("internal", `${file} did not end within ${options.timeoutMs} ms`)), options.timeoutMs);
  return {
    clear() {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    },
  };
}

function collect(child: ChildProcess, file: string, options: RunOptions, stop: Stop) {
  const limit = options.maxOutputBytes ?? MAX_OUTPUT_BYTES;
  const read = (stream: "stdout" | "stderr") => {
    const chunks: Buffer[] = [];
    let size = 0;
    child[stream]?.on("data", (chunk: Buffer) => {
      options.onOutput?.(chunk, stream);
      size += chunk.length;
      if (size > limit) stop.because(new BerthError("internal", `${file} wrote more than ${limit} bytes to ${stream}`));
      else chunks.push(chunk);
    });
    return () => Buffer.concat(chunks).toString("utf8");
  };
  return { stdout: read("stdout"), stderr: read("stderr") };
}

/** A program may end without reading its input: EPIPE is its business. */
function feed(child: ChildProcess, input: string | Uint8Array | undefined, stop: Stop): void {
  child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ECONNRESET") stop.because(error);
  });
  if (input !== undefined) child.stdin?.end(input);
}

function ended(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => reject(startError(file, error)));
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}

function startError(file: string, error: NodeJS.ErrnoException): BerthError {
  if (error.code === "ENOENT") return new BerthError("missing_requirement", `program not found: ${file}`, { cause: error });
  return new BerthError("internal", `cannot start ${file}: ${errorText(error)}`, { cause: error });
}
