import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A private redis-server with the settings that production asks for. */
export interface TestRedis {
  /** Short enough for a unix socket address. */
  socketPath: string;
  pid(): number;
  /** SIGKILL, as a crash; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. Always call it (afterAll). */
  stop(): Promise<void>;
}

/** Starts a redis-server on a unix socket only: appendonly, appendfsync always, noeviction. Resolves when it answers PING. */
export async function startRedis(extraArguments: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "berth-redis-"));
  const socketPath = join(folder, "redis.sock");
  let child = await launch(folder, socketPath, extraArguments);
  return {
    socketPath,
    pid: () => child.pid ?? 0,
    kill: () => end(child, "SIGKILL"),
    restart: async () => {
      await end(child, "SIGKILL");
      child = await launch(folder, socketPath, extraArguments);
    },
    stop: async () => {
      await end(child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, socketPath: string, extraArguments: readonly string[]): Promise<ChildProcess> {
  const settings = ["--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "700", "--dir", folder];
  const durability = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--save", ""];
  await rm(socketPath, { force: true });
  const child = spawn("redis-server", [...settings, ...durability, ...extraArguments], { stdio: "ignore" });
  await untilAnswers(socketPath, child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

async function untilAnswers(socketPath: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (child.exitCode !== null) throw new Error(`redis-server exited with ${child.exitCode}`);
    if (await answersPing(socketPath)) return;
    await delay(20);
  }
  throw new Error(`redis-server did not answer on ${socketPath}`);
}

function answersPing(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (data) => settle(data.toString().startsWith("+PONG")));
    socket.once("error", () => settle(false));
  });
}
