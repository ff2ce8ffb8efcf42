import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";
import { readLine } from "../support/read-line.ts";
import { createTestHosts, type TestHost, type TestNetwork } from "../support/test-hosts.ts";

const BERTH = fileURLToPath(new URL("../../bin/berth.mjs", import.meta.url));

let network: TestNetwork;
let berth: Berth;
let second: TestHost;
let secondDir: string;
let agent: ChildProcess | null = null;
let agentOutput = "";

beforeAll(async () => {
  network = await createTestHosts(2);
  const [first, other] = network.hosts;
  if (!first || !other) throw new Error("two hosts were asked for");
  second = other;
  berth = await Berth.start({ host: first, simulateGpus: 1 });
  secondDir = await mkdtemp(join(tmpdir(), "berth-e2e-second-"));
  await loadTinyImage(berth);
});

afterAll(async () => {
  await berth?.dispose();
  await stopAgent();
  if (secondDir) await rm(secondDir, { recursive: true, force: true });
  await network?.remove();
});

function startAgent(token: string): ChildProcess {
  const [file = "", ...enter] = second.enter;
  const options = ["--join", `https://${berth.listen}`, "--name", "second", "--data-dir", secondDir, "--simulate-gpus", "1"];
  const child = spawn(file, [...enter, process.execPath, BERTH, "agent", ...options], {
    env: { PATH: process.env.PATH, NO_COLOR: "1", BERTH_JOIN_TOKEN: token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text: Buffer) => (agentOutput += text.toString()));
  return child;
}

async function stopAgent(): Promise<void> {
  const child = agent;
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

async function joinToken(): Promise<string> {
  const created = await berth.cli("token", "create", "--ttl", "10m");
  expect(created.code, created.stderr).toBe(0);
  return created.stdout.trim();
}

test("an agent with a wrong token is turned away", async () => {
  const child = startAgent("not-a-token");
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).not.toBe(0);
  expect(await berth.nodes()).toHaveLength(1);
});

test("an agent with a token joins, and shows no token in its output or command line", async () => {
  const token = await joinToken();
  agent = startAgent(token);
  await until("the second node", 60, async () => {
    if (agent?.exitCode !== null) throw new Error(agentOutput);
    return (await berth.nodes()).filter(({ state }) => state === "ready").length === 2;
  });
  expect(agentOutput).not.toContain(token);
  await loadTinyImage(berth, { node: `unix://${join(secondDir, "run/node.sock")}` });
});

test("a user on the other machine calls the API over TLS, knowing the CA by the token; in clear the token is not sent", async () => {
  const { stdout } = await berth.cli("token", "create", "--kind", "api");
  const ask = async (host: string, token: string, ...more: string[]) => {
    const [file = "", ...enter] = second.enter;
    const env = { PATH: process.env.PATH, NO_COLOR: "1", BERTH_TOKEN: token, BERTH_HOST: host };
    const child = spawn(file, [...enter, process.execPath, BERTH, "nodes", "-o", "name", ...more], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, problem] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (out += text.toString()));
    child.stderr.on("data", (text: Buffer) => (problem += text.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, out, problem };
  };
  const secure = await ask(`https://${berth.listen}`, stdout.trim());
  expect(secure, secure.problem).toMatchObject({ code: 0, out: expect.stringContaining("node/second") });
  const plain = await ask(`http://${berth.listen}`, stdout.trim());
  expect(plain.code).not.toBe(0);
  expect(plain.problem).toContain("the token would travel in clear");
  const other = await ask(`https://${berth.listen}`, stdout.trim().replace(/[a-f0-9]{64}$/, "0".repeat(64)));
  expect(other.problem).toContain("another CA than the token was made for");
});

test("a gang of two runs one replica on each host, and the ranks reach each other", async () => {
  const script = [
    "echo rank $RANK of $WORLD_SIZE, master $MASTER_ADDR",
    'if [ "$RANK" = 0 ]; then echo "hello from rank 0" | nc -l -p $MASTER_PORT; else',
    readLine("$MASTER_ADDR", "$MASTER_PORT"),
    "fi",
  ].join("\n");
  const id = await berth.submit({ name: "gang", replicas: 2, resources: { gpus: 1 }, command: ["sh", "-c", script] });
  const job = await berth.waitFor(id, "succeeded", 90);
  expect(new Set(job.attempt?.assignments.map(({ nodeId }) => nodeId)).size).toBe(2);
  const log = (await berth.cli("logs", id)).stdout;
  const master = job.attempt?.assignments.find(({ rank }) => rank === 0)?.nodeAddress;
  expect(network.hosts.map(({ address }) => address)).toContain(master);
  expect(log).toContain(`rank 0 of 2, master ${master}`);
  expect(log).toContain(`rank 1 of 2, master ${master}`);
  expect(log).toContain("[rank 1] hello from rank 0");
});

test("when one rank fails the other is stopped and the job fails with the first one's exit code", async () => {
  const script = 'if [ "$RANK" = 1 ]; then exit 3; fi; trap "exit 0" TERM; while :; do sleep 0.1; done';
  const id = await berth.submit({ name: "broken-gang", replicas: 2, resources: { gpus: 1 }, command: ["sh", "-c", script] });
  const job = await berth.waitFor(id, "failed", 90);
  expect(job.outcome).toMatchObject({ cause: "exited", exitCode: 3 });
});
