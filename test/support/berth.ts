import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { isTerminal, type Job } from "../../src/shared/domain/index.ts";
import { freePort } from "./free-port.ts";
import { until } from "./poll.ts";
import { descendants, isAlive, killIfAlive, runs, runsBerth } from "./processes.ts";
import type { TestHost } from "./test-hosts.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BERTH = join(ROOT, "bin/berth.mjs");

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface BerthOptions {
  simulateGpus?: number;
  leaseSeconds?: number;
  extraArguments?: string[];
  /** Runs everything on this test host; it then listens on the host's address. */
  host?: TestHost;
}

/** A real `berth up` in a folder of its own, driven by its command line and its API as a user would. */
export class Berth {
  readonly dataDir: string;
  readonly runDir: string;
  readonly port: number;
  readonly options: BerthOptions;
  #up: ChildProcess | null = null;
  readonly #socket: Agent;

  private constructor(dataDir: string, port: number, options: BerthOptions) {
    this.dataDir = dataDir;
    this.runDir = join(dataDir, "run");
    this.port = port;
    this.options = options;
    this.#socket = new Agent({ connect: { socketPath: join(this.runDir, "api.sock") } });
  }

  static async start(options: BerthOptions = {}): Promise<Berth> {
    const berth = new Berth(await mkdtemp(join(tmpdir(), "berth-e2e-")), await freePort(), options);
    await berth.up();
    return berth;
  }

  /** Starts `berth up` (again) and waits until its node is ready. */
  async up(): Promise<void> {
    const { simulateGpus, leaseSeconds, extraArguments = [] } = this.options;
    const options = [
      ...(simulateGpus === undefined ? [] : ["--simulate-gpus", String(simulateGpus)]),
      ...(leaseSeconds === undefined ? [] : ["--lease", `${leaseSeconds}s`]),
      ...extraArguments,
    ];
    const log = createWriteStream(join(this.dataDir, "up.log"), { flags: "a" });
    const command = [process.execPath, BERTH, "up", "--data-dir", this.dataDir, "--listen", this.listen, ...options];
    const [file = "", ...args] = [...(this.options.host?.enter ?? []), ...command];
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#up = child;
    await until("berth up to have a ready node", 60, async () => {
      if (child.exitCode !== null) throw new Error(`berth up ended: ${await this.log()}`);
      return (await this.nodes()).some(({ state }) => state === "ready");
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.log()}`);
    });
  }

  get listen(): string {
    return `${this.options.host?.address ?? "127.0.0.1"}:${this.port}`;
  }

  get pid(): number {
    return this.#up?.pid ?? 0;
  }

  /** The pid of one child: "redis-server", "control-plane" or "agent". */
  childPid(name: "redis-server" | "control-plane" | "agent"): number {
    const found = descendants(this.pid).find((entry) => (name === "redis-server" ? runs(entry, name) : runsBerth(entry, name)));
    if (!found) throw new Error(`no ${name} below ${this.pid}`);
    return found.pid;
  }

  /** kill -9 of the supervisor and all below it at once. */
  async killTree(): Promise<void> {
    const pids = [this.pid, ...descendants(this.pid).map(({ pid }) => pid)];
    for (const pid of pids) killIfAlive(pid);
    await until("the tree to be gone", 60, () => pids.every((pid) => !isAlive(pid)));
  }

  /** SIGTERM, as an operator stops it. Resolves with its exit code. */
  async terminate(): Promise<number | null> {
    const child = this.#up;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    return ended;
  }

  /** Cancels what runs, stops, and removes the folder. */
  async dispose(): Promise<void> {
    if (this.#up && this.#up.exitCode === null && this.#up.signalCode === null) {
      for (const { id } of await this.activeJobs()) await this.cli("cancel", id);
      await until("every job to end", 60, async () => (await this.activeJobs()).length === 0);
      await until("every container to be removed", 60, async () => (await this.containers()).length === 0);
      await this.terminate();
    }
    await this.#socket.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async containers(): Promise<string[]> {
    const { readdir } = await import("node:fs/promises");
    return readdir(join(this.dataDir, "containers")).catch(() => []);
  }

  /** Runs the command line against this Berth. Never throws on a non-zero exit. */
  cli(...args: string[]): Promise<CommandResult> {
    return this.spawnCli(args).result;
  }

  /** The same, with the process in hand (signals, standard input). */
  spawnCli(args: string[]): { child: ChildProcess; result: Promise<CommandResult> } {
    const child = spawn(process.execPath, [BERTH, ...args], { env: this.environment(), stdio: ["pipe", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    const result = new Promise<CommandResult>((resolve) => child.once("close", (code) => resolve({ code, ...output })));
    return { child, result };
  }

  environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.dataDir,
      NO_COLOR: "1",
      BERTH_HOST: `unix://${this.runDir}/api.sock`,
      BERTH_NODE: `unix://${this.runDir}/node.sock`,
    };
  }

  async get<T>(path: string): Promise<T> {
    const answer = await request(`http://berth${path}`, { dispatcher: this.#socket });
    if (answer.statusCode >= 400) throw new Error(`${path}: ${answer.statusCode} ${await answer.body.text()}`);
    return (await answer.body.json()) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const answer = await request(`http://berth${path}`, {
      dispatcher: this.#socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.statusCode >= 400) throw new Error(`${path}: ${answer.statusCode} ${await answer.body.text()}`);
    return (await answer.body.json()) as T;
  }

  /** Submits a spec and returns the job's id. */
  async submit(spec: Record<string, unknown>): Promise<string> {
    return (await this.post<Job>("/v1/jobs", { image: "tiny", ...spec })).id;
  }

  job(id: string): Promise<Job> {
    return this.get<Job>(`/v1/jobs/${id}`);
  }

  /** Waits until the job has come to `state`; fails at once when it ended otherwise. */
  async waitFor(id: string, state: Job["state"], seconds = 120): Promise<Job> {
    const settled = await until(`job ${id} to be ${state}`, seconds, async () => {
      const job = await this.job(id);
      return job.state === state || isTerminal(job.state) ? job : null;
    });
    if (settled.state !== state) throw new Error(`job ${id} is ${settled.state}, not ${state}: ${JSON.stringify(settled.outcome)}`);
    return settled;
  }

  async nodes(): Promise<{ id: string; name: string; state: string; facts: { gpus: { uuid: string }[]; mps?: boolean } }[]> {
    return (
      await this.get<{ items: { id: string; name: string; state: string; facts: { gpus: { uuid: string }[]; mps?: boolean } }[] }>(
        "/v1/nodes",
      )
    ).items;
  }

  async activeJobs(): Promise<Job[]> {
    const all = await this.get<{ items: Job[] }>("/v1/jobs?limit=200");
    return all.items.filter(({ state }) => !isTerminal(state));
  }

  /** The job's stored log as plain lines. */
  async logLines(id: string): Promise<string[]> {
    const { stdout } = await this.cli("logs", id);
    return stdout.split("\n").filter((line) => line !== "");
  }

  async log(): Promise<string> {
    return readFile(join(this.dataDir, "up.log"), "utf8").catch(() => "");
  }
}
