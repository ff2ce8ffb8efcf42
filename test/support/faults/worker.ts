import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../../src/node/platform/index.ts";

const PROGRAM = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** What the worker is told to do; see worker.mjs. */
export interface Order {
  operation: string;
  dataDir: string;
  parameters: Record<string, string>;
}

/** How it ended: done, refused with an error, or the process died of it. */
export type Outcome = { kind: "done" } | { kind: "error"; code: string | null; text: string } | { kind: "died"; how: string };

export interface Worker {
  pid: number;
  alive(): boolean;
  run(order: Order): Promise<Outcome>;
  stop(): Promise<void>;
}

/** Longer than any operation takes on a busy machine: it only ends one that hangs. */
const PATIENCE_MS = 30_000;

/** A process that has loaded the image store and waits for orders. One thread for files: the order of its calls is then given. */
export async function startWorker(): Promise<Worker> {
  const child = spawn(process.execPath, [PROGRAM, packageRoot()], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", UV_THREADPOOL_SIZE: "1" },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.on("error", () => undefined);
  const exit = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    pid: child.pid as number,
    alive: () => isAlive(child),
    async run(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      const next = await lines.next().finally(() => clearTimeout(timer));
      if (next.done !== true) return outcomeOf(JSON.parse(next.value) as Reply);
      const [code, signal] = (await exit) as [number | null, string | null];
      return { kind: "died", how: `${signal ?? code}: ${said}` };
    },
    async stop() {
      child.kill("SIGKILL");
      if (isAlive(child)) await exit;
    },
  };
}

type Reply = { ok: true } | { error: { code: string | null; text: string } };

function outcomeOf(reply: Reply): Outcome {
  return "error" in reply ? { kind: "error", ...reply.error } : { kind: "done" };
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
