import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSnapshots } from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { problemsOf, type Seals, settledState } from "./store-state.ts";
import { type Call, trace } from "./strace.ts";
import type { Template } from "./templates.ts";
import { type Order, type Outcome, startWorker, type Worker } from "./worker.ts";

const copy = promisify(execFile);

/** One call of an operation that fails, or at which the process is killed. */
export interface Fault {
  call: Call;
  /** An errno's name, or SIGKILL. */
  what: string;
}

/** An operation under test. */
export interface Subject {
  template: Template;
  seals: Seals;
  /** Each run's store is made in it and removed. */
  folder: string;
}

const ERRORS: readonly [RegExp, readonly string[]][] = [
  [/^(write|pwrite64|writev|ftruncate|fallocate|copy_file_range|sendfile|fsync|fdatasync|syncfs)$/, ["ENOSPC", "EIO"]],
  [/^(rename|link|symlink|mkdir|mknod)/, ["ENOSPC", "EIO"]],
  [/^(setxattr|lsetxattr|fsetxattr)$/, ["ENOSPC", "EIO"]],
  [/^(fsopen|open_tree)$/, ["EMFILE"]],
  [/./, ["EIO"]],
];

/** What may go wrong at a call. Opening a file that is there changes nothing: it is no place to be killed at. */
export function faultsAt(call: Call): Fault[] {
  const opens = call.name.startsWith("openat");
  const creates = call.line.includes("O_CREAT");
  // What a scrub cannot read it puts aside, as it must: no failure of the store's.
  const reads = /blobs\/sha(256|512)\/[a-f0-9]{64,128}", O_RDONLY/.test(call.line);
  const errors = opens
    ? ["EMFILE", ...(reads ? [] : ["EIO"]), ...(creates ? ["ENOSPC"] : [])]
    : (ERRORS.find(([name]) => name.test(call.name))?.[1] ?? []);
  return [...errors, ...(opens && !creates ? [] : ["SIGKILL"])].map((what) => ({ call, what }));
}

/** Does the work once without a fault: the calls that touch the store (or mounts), and the state that every other run must reach. */
export async function watchOperation(subject: Subject): Promise<{ calls: Call[]; state: string[] }> {
  const worker = await startWorker();
  const order = await freshOrder(subject);
  try {
    const traced = await trace(worker.pid, `${order.dataDir}.log`, null);
    expectDone(await worker.run(order), "without a fault");
    const calls = await traced.end();
    expectDone(await worker.run({ ...order, operation: "close" }), "closing");
    const touching = calls.filter(({ name, line }) => line.includes(order.dataDir) || /^(fs|move_mount|umount)/.test(name));
    return {
      calls: [...new Map(touching.map((call) => [`${call.name} ${call.when}`, call])).values()],
      state: await settledState(order.dataDir),
    };
  } finally {
    await worker.stop();
    await removeStore(order.dataDir);
  }
}

/** Null when all is well; otherwise what is wrong, and where it came from. Workers live on from run to run unless a fault ends them. */
export async function runFault(subject: Subject, workers: Workers, fault: Fault, state: readonly string[]): Promise<string | null> {
  const order = await freshOrder(subject);
  try {
    const problem = (await provoke(order, workers, fault)) ?? (await judge(subject, order, workers, state));
    if (problem === null) return null;
    // What it remembers of the failed run must not spoil the next one.
    await workers.stop();
    return `${order.operation}: ${fault.what} at ${fault.call.line.slice(0, 300)}\n  ${problem}`;
  } finally {
    await removeStore(order.dataDir);
  }
}

async function provoke(order: Order, workers: Workers, { call, what }: Fault): Promise<string | null> {
  const worker = await workers.take();
  const kind = what === "SIGKILL" ? "signal" : "error";
  const traced = await trace(worker.pid, `${order.dataDir}.log`, `${call.name}:${kind}=${what}:when=${call.when}`);
  const outcome = await worker.run(order);
  const hits = (await traced.end()).filter(({ injected }) => injected);
  // Node's own bookkeeping may be hit instead (a write to an eventfd): it gives up, which is as good as being killed.
  const ours = hits.every(({ line }) => line.includes(order.dataDir));
  return outcome.kind === "died" && kind === "error" && ours ? `the process died: ${outcome.how}` : null;
}

async function judge({ template, seals }: Subject, order: Order, workers: Workers, state: readonly string[]): Promise<string | null> {
  const problems = await problemsOf(order.dataDir, seals, template.damaged);
  if (problems.length > 0) return problems.join("; ");
  const worker = await workers.take();
  const again = await worker.run(order);
  if (again.kind !== "done") return `the next try failed too: ${again.kind === "error" ? again.text : again.how}`;
  const closed = await worker.run({ ...order, operation: "close" });
  if (closed.kind !== "done") return `it could not be closed: ${JSON.stringify(closed)}`;
  const found = await settledState(order.dataDir);
  const [left, lacking] = [found.filter((line) => !state.includes(line)), state.filter((line) => !found.includes(line))];
  return left.length + lacking.length === 0 ? null : `left over: ${left.join(", ")}; lacking: ${lacking.join(", ")}`;
}

/** A worker that lives; a new one when the last died. */
export interface Workers {
  take(): Promise<Worker>;
  stop(): Promise<void>;
}

export function keepWorker(): Workers {
  let worker: Worker | null = null;
  return {
    async take() {
      if (worker?.alive() !== true) worker = await startWorker();
      return worker;
    },
    stop: async () => worker?.stop(),
  };
}

async function freshOrder({ template, folder }: Subject): Promise<Order> {
  const dataDir = join(folder, `store-${randomBytes(4).toString("hex")}`);
  await copy("cp", ["-a", template.dataDir, dataDir]);
  return { operation: template.operation, dataDir, parameters: template.parameters };
}

async function removeStore(dataDir: string): Promise<void> {
  const snapshots = createSnapshots({ dataDir, native: loadNative(), clock: systemClock() });
  await snapshots.unmount(join(dataDir, "containers/container"));
  await rm(dataDir, { recursive: true, force: true });
  await rm(`${dataDir}.log`, { force: true });
}

function expectDone(outcome: Outcome, when: string): void {
  if (outcome.kind !== "done") throw new Error(`${when}: ${outcome.kind === "error" ? outcome.text : outcome.how}`);
}
