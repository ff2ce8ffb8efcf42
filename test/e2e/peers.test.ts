import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HostileRegistry, randomLayer, startHostileRegistry } from "../support/hostile-registry.ts";
import { until } from "../support/poll.ts";
import { type SecureControlPlane, startSecureControlPlane } from "../support/secure-control-plane.ts";

const BERTH = fileURLToPath(new URL("../../bin/berth.mjs", import.meta.url));
const NAMES = ["node-a", "node-b"];

let plane: SecureControlPlane;
let registry: HostileRegistry;
let folder: string;
const agents: ChildProcess[] = [];
let output = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-e2e-peers-"));
  registry = await startHostileRegistry();
  plane = await startSecureControlPlane();
  for (const name of NAMES) await startAgent(name, await plane.token());
});

afterAll(async () => {
  for (const agent of agents) {
    const ended = new Promise((resolve) => agent.once("exit", resolve));
    if (agent.exitCode === null && agent.kill("SIGTERM")) await ended;
  }
  await plane?.dispose();
  await registry?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function startAgent(name: string, token: string): Promise<void> {
  const options = ["--join", plane.url, "--name", name, "--address", "127.0.0.1", "--peer-listen", "127.0.0.1:0", "--simulate-gpus", "1"];
  const child = spawn(process.execPath, [BERTH, "agent", ...options, "--data-dir", join(folder, name)], {
    env: { PATH: process.env.PATH, NO_COLOR: "1", BERTH_JOIN_TOKEN: token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  agents.push(child);
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text: Buffer) => (output += text.toString()));
  await until(`${name} to be ready`, 60, async () => {
    if (child.exitCode !== null) throw new Error(output);
    const { body } = await plane.local<{ items: { id: string; state: string }[] }>("/v1/nodes");
    return body.items.some(({ id, state }) => id === name && state === "ready");
  });
}

const berth = (name: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [BERTH, ...args], {
    env: { PATH: process.env.PATH, HOME: folder, NO_COLOR: "1", BERTH_NODE: `unix://${join(folder, name, "run/node.sock")}` },
  });

test("the second node takes an image's layers from the first one, says so, and counts them", async () => {
  registry.addImage("1", [await randomLayer(9_000_000, "base"), await randomLayer(1_000, "app")]);
  const reference = `${registry.host}/team/app:1`;
  const first = await berth("node-a", "pull", reference);
  expect(first.stderr).not.toContain("from peer");
  const asked = registry.seen("GET", "/blobs/").length;
  const second = await berth("node-b", "pull", reference);
  expect(second.stderr.match(/downloaded \w+ .*from peer node-a/g)).toHaveLength(2);
  expect(registry.seen("GET", "/blobs/")).toHaveLength(asked);
  const dispatcher = new Agent({ connect: { socketPath: join(folder, "node-b/run/node.sock") } });
  const metrics = await (await request("http://node/metrics", { dispatcher })).body.text();
  await dispatcher.close();
  expect(metrics).toMatch(/berth_agent_image_bytes_total\{from="peer"\} 9\d{6}/);
  expect(metrics).toMatch(/berth_agent_image_bytes_total\{from="registry"\} 0/);
});
