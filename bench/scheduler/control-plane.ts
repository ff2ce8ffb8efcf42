import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { freePort } from "../../test/support/free-port.ts";
import { startRedis } from "../../test/support/redis.ts";

/** `berth control-plane` as a process of its own over a Redis of its own that syncs every write, spoken to as the operator. */
export interface BenchControlPlane {
  url: string;
  post(path: string, body: object): Promise<unknown>;
  get(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startControlPlane(): Promise<BenchControlPlane> {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-control-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const options = ["--data-dir", folder, "--run-dir", join(folder, "run"), "--listen", `127.0.0.1:${port}`];
  const child = spawn(process.execPath, ["bin/berth.mjs", "control-plane", ...options], {
    env: { ...process.env, BERTH_REDIS_URL: `unix://${redis.socketPath}` },
    stdio: "ignore",
  });
  const dispatcher = new Agent({ connections: 64 });
  let token = "";
  const call = async (method: "GET" | "POST", path: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const answer = await request(`${url}${path}`, {
      method,
      headers,
      dispatcher,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text) as unknown;
  };
  const stop = async () => {
    await dispatcher.destroy();
    await end(child);
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries += 1) {
    try {
      token = (await readFile(join(folder, "control", "admin-token"), "utf8")).trim();
      await call("GET", "/v1/jobs?limit=1");
      break;
    } catch (error) {
      if (tries < 600 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 100));
      else {
        await stop();
        throw error;
      }
    }
  }
  return { url, stop, get: (path) => call("GET", path), post: (path, body) => call("POST", path, body) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
