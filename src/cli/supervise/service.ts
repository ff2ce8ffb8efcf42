import { type ChildProcess, spawn } from "node:child_process";
import { BerthError, type Clock, errorText } from "../../shared/domain/index.ts";
import { lastLines, openLog, rotateLog } from "./log-file.ts";
import { forgetChild, recordChild } from "./orphans.ts";

/** One child process of `berth up`. */
export interface ServiceSpec {
  name: string;
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  logFile: string;
  /** A part of the command line that only this child has. */
  commandMark: string;
  /** Before every start. */
  prepare(): Promise<void>;
  isReady(): Promise<boolean>;
}

export interface ServiceDeps {
  clock: Clock;
  pidDir: string;
  /** A line for the operator. */
  say(line: string): void;
}

export interface Service {
  readonly name: string;
  /** SIGTERM, then SIGKILL when it takes too long or `hurry` aborts. Resolves when it is gone; a dead one is fine. */
  stop(hurry: AbortSignal): Promise<void>;
  rotateLog(): Promise<void>;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const HURRIED_STOP_MS = 2_000;
const STEADY_AFTER_MS = 30_000;
const LONGEST_PAUSE_MS = 10_000;

/** Milliseconds before the next start after `failures` ends in a row: 250, 500, 1000 ... 10000. */
export function restartPause(failures: number): number {
  return Math.min(250 * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS);
}

interface Running {
  child: ChildProcess;
  ended: Promise<string>;
  startedAt: number;
  logStart: number;
}

/**
 * Starts a child and resolves when it is ready; from then on restarts it whenever it ends.
 * @throws BerthError missing_requirement with its last words when it ends before it is ready
 */
export async function startService(spec: ServiceSpec, deps: ServiceDeps, signal: AbortSignal): Promise<Service> {
  const stopping = new AbortController();
  let running = await launch(spec, deps);
  const stop = async (hurry: AbortSignal) => {
    stopping.abort();
    await supervised;
    await end(running, hurry, deps, spec);
    await forgetChild(deps.pidDir, spec.name);
  };
  let supervised: Promise<void> = Promise.resolve();
  try {
    await untilReady(spec, deps, running, signal);
  } catch (error) {
    await stop(AbortSignal.abort());
    throw error;
  }
  deps.say(`${spec.name}: ready (pid ${running.child.pid})`);
  supervised = supervise(spec, deps, running, stopping.signal, (next) => {
    running = next;
  });
  return { name: spec.name, stop, rotateLog: () => rotateLog(spec.logFile) };
}

async function launch(spec: ServiceSpec, deps: ServiceDeps): Promise<Running> {
  await spec.prepare();
  await rotateLog(spec.logFile);
  const log = await openLog(spec.logFile);
  try {
    // Its own session: a Ctrl-C at the terminal must reach the supervisor alone, which stops the children in order.
    // Its stdin ends with the supervisor: the Node children take that as their end too.
    const child = spawn(spec.file, [...spec.args], { env: { ...spec.env }, stdio: ["pipe", log.fd, log.fd], detached: true });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(errorText(error)));
      child.once("exit", (code, name) => resolve(name === null ? `exit code ${code}` : `signal ${name}`));
    });
    child.stdin?.on("error", () => undefined);
    // One that is not recorded must not be given up: it runs, and a second one would be started beside it.
    const unrecorded = (error: unknown) => deps.say(`${spec.name}: not recorded for the next \`berth up\`: ${errorText(error)}`);
    if (child.pid !== undefined) await recordChild(deps.pidDir, spec.name, child.pid, spec.commandMark).catch(unrecorded);
    return { child, ended, startedAt: deps.clock.monotonic(), logStart: log.startedAt };
  } finally {
    await log.close();
  }
}

async function untilReady(spec: ServiceSpec, deps: ServiceDeps, running: Running, signal: AbortSignal): Promise<void> {
  let end: string | null = null;
  void running.ended.then((how) => {
    end = how;
  });
  const deadline = deps.clock.monotonic() + READY_TIMEOUT_MS;
  while (!(await spec.isReady())) {
    signal.throwIfAborted();
    if (end !== null || deps.clock.monotonic() > deadline) {
      const lines = await lastLines(spec.logFile, running.logStart, 8);
      const what = end === null ? `is not ready after ${READY_TIMEOUT_MS / 1000} s` : `ended before it was ready (${end})`;
      throw new BerthError("missing_requirement", [`${spec.name} ${what}`, ...lines].join("\n  "), {
        details: { hint: `its log is ${spec.logFile}; \`berth doctor\` checks the machine` },
      });
    }
    await deps.clock.sleep(20);
  }
}

async function supervise(
  spec: ServiceSpec,
  deps: ServiceDeps,
  first: Running,
  stopping: AbortSignal,
  onStart: (running: Running) => void,
): Promise<void> {
  let running = first;
  const stopped = new Promise<null>((resolve) => stopping.addEventListener("abort", () => resolve(null), { once: true }));
  for (let failures = 0; ; ) {
    const how = await Promise.race([running.ended, stopped]);
    if (how === null || stopping.aborted) return;
    failures = deps.clock.monotonic() - running.startedAt > STEADY_AFTER_MS ? 0 : failures;
    const pause = restartPause(failures);
    failures += 1;
    deps.say(`${spec.name}: ended (${how}); starting it again in ${pause / 1000} s, its log is ${spec.logFile}`);
    try {
      await deps.clock.sleep(pause, stopping);
      running = await launch(spec, deps);
      onStart(running);
      await untilReady(spec, deps, running, stopping);
      deps.say(`${spec.name}: ready again (pid ${running.child.pid})`);
    } catch (error) {
      if (stopping.aborted) return;
      deps.say(errorText(error));
    }
  }
}

async function end(running: Running, hurry: AbortSignal, deps: ServiceDeps, spec: ServiceSpec): Promise<void> {
  const ended = running.ended.then(() => true);
  const isGone = () => running.child.exitCode !== null || running.child.signalCode !== null || running.child.pid === undefined;
  if (isGone()) return;
  running.child.kill("SIGTERM");
  const patience = hurry.aborted
    ? deps.clock.sleep(HURRIED_STOP_MS)
    : deps.clock.sleep(STOP_TIMEOUT_MS, hurry).catch(() => deps.clock.sleep(HURRIED_STOP_MS));
  if (await Promise.race([ended, patience.then(() => false)])) return;
  deps.say(`${spec.name}: does not stop; killing it`);
  running.child.kill("SIGKILL");
  await ended;
}
