import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { until } from "./poll.ts";

const run = promisify(execFile);

export interface DockerRegistry {
  /** "127.0.0.1:<port>" */
  host: string;
  /** What it logged so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface DockerRegistryOptions {
  /** Wants them by basic authentication. */
  login?: { username: string; password: string };
}

/** The registry of Debian's docker-registry on loopback, with a store of its own. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "berth-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(join(folder, "config.yml"), JSON.stringify(await configuration(folder, host, options)));
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { HOME: folder },
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  await until("docker-registry to answer", 60, () => fetch(`http://${host}/v2/`));
  return { host, log: () => log, stop: () => stop(child, folder) };
}

async function configuration(folder: string, addr: string, { login }: DockerRegistryOptions): Promise<object> {
  const basic = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr },
  };
  if (login === undefined) return basic;
  const { stdout } = await run("htpasswd", ["-Bbn", login.username, login.password]);
  await writeFile(join(folder, "htpasswd"), stdout);
  return { ...basic, auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } } };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.kill("SIGTERM")) await ended;
  await rm(folder, { recursive: true, force: true });
}

/** skopeo from the distribution, with a policy of its own and no configuration of this machine. */
export async function skopeo(...args: string[]): Promise<string> {
  const { stdout } = await run("skopeo", ["--insecure-policy", ...args], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
