import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "undici";
import { Berth } from "../../test/support/berth.ts";
import { until } from "../../test/support/poll.ts";
import { removeFolder, stopDaemon } from "../daemon.ts";

const run = promisify(execFile);

/** An engine with an image store of its own; every reference names a registry. */
export interface Contender {
  pull(reference: string): Promise<void>;
  /** The same by its API, without the command; null where there is none to ask. */
  pullByApi: ((reference: string) => Promise<void>) | null;
  push(reference: string): Promise<void>;
  tag(source: string, target: string): Promise<void>;
  save(reference: string, file: string): Promise<void>;
  load(file: string): Promise<void>;
  /** Removes every image and all that only they used. */
  clear(): Promise<void>;
  /** Where everything it stores lies. */
  folder: string;
  /** The folder whose subfolders, new for each pull, are its layers or hold all of them. */
  layers: string;
  /** The process that does the work; null where each command does its own. */
  pid: number | null;
  stop(): Promise<void>;
}

export async function startBerth(): Promise<Contender> {
  const berth = await Berth.start();
  const api = socketClient(join(berth.runDir, "node.sock"));
  const cli = async (...command: string[]) => {
    const { code, stdout, stderr } = await berth.cli(...command);
    if (code !== 0) throw new Error(`berth ${command.join(" ")}: ${stderr}`);
    return stdout;
  };
  const names = async () =>
    (JSON.parse(await cli("images", "ls", "-o", "json")) as { references: string[] }[]).flatMap((image) => image.references);
  return {
    pull: async (reference) => void (await cli("pull", "--quiet", reference)),
    pullByApi: (reference) => post(api, "/v1/images/pull", { reference }),
    push: async (reference) => void (await cli("push", "--quiet", reference)),
    tag: async (source, target) => void (await cli("images", "tag", source, target)),
    save: async (reference, file) => void (await cli("images", "save", "--output", file, reference)),
    load: async (file) => void (await cli("images", "load", "--input", file)),
    async clear() {
      for (const name of await names()) await cli("images", "rm", name);
      await cli("images", "prune");
    },
    folder: berth.dataDir,
    layers: join(berth.dataDir, "ingest"),
    pid: berth.childPid("agent"),
    async stop() {
      await api.close();
      await berth.dispose();
    },
  };
}

/** dockerd with folders of its own; pulls from the loopback are plain HTTP to it. */
export async function startDocker(): Promise<Contender> {
  const folder = await mkdtemp("/tmp/bench-docker-");
  const socket = `unix://${folder}/docker.sock`;
  const api = socketClient(`${folder}/docker.sock`);
  const places = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec"), "--pidfile", join(folder, "pid"), "-H", socket];
  const daemon = spawn("/usr/sbin/dockerd", [...places, "--bridge", "none", "--iptables=false", "--ip-masq=false"], { stdio: "ignore" });
  const docker = async (...command: string[]) =>
    (await run("/usr/bin/docker", ["--config", folder, "-H", socket, ...command], { maxBuffer: 2 ** 26 })).stdout;
  await until("dockerd to answer", 60, () => docker("version"));
  return {
    pull: async (reference) => void (await docker("pull", "--quiet", reference)),
    async pullByApi(reference) {
      const colon = reference.lastIndexOf(":");
      const query = new URLSearchParams({ fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) });
      await post(api, `/images/create?${query}`, null);
    },
    push: async (reference) => void (await docker("push", "--quiet", reference)),
    tag: async (source, target) => void (await docker("tag", source, target)),
    save: async (reference, file) => void (await docker("save", "--output", file, reference)),
    load: async (file) => void (await docker("load", "--quiet", "--input", file)),
    clear: async () => void (await docker("image", "prune", "--all", "--force")),
    folder,
    layers: join(folder, "data", "overlay2"),
    pid: daemon.pid ?? null,
    async stop() {
      await api.close();
      await stopDaemon(daemon, folder);
    },
  };
}

/** podman with a store of its own, on overlayfs as ours. */
export async function startPodman(): Promise<Contender> {
  const folder = await mkdtemp("/tmp/bench-podman-");
  // It gives a layer's folder the same name each time, and ext4 chooses its place by the name: a new store lies elsewhere.
  const newStore = () => mkdtemp(join(folder, "store-"));
  let store = await newStore();
  const podman = async (...command: string[]) => {
    const [root, runroot, tmpdir] = ["root", "run", "tmp"].map((name) => join(store, name)) as [string, string, string];
    const places = ["--root", root, "--runroot", runroot, "--tmpdir", tmpdir, "--storage-driver", "overlay"];
    return (await run("podman", [...places, ...command], { maxBuffer: 2 ** 26 })).stdout;
  };
  return {
    pull: async (reference) => void (await podman("pull", "--quiet", "--tls-verify=false", reference)),
    pullByApi: null,
    push: async (reference) => void (await podman("push", "--quiet", "--tls-verify=false", reference)),
    tag: async (source, target) => void (await podman("tag", source, target)),
    save: async (reference, file) => void (await podman("save", "--quiet", "--format", "docker-archive", "--output", file, reference)),
    load: async (file) => void (await podman("load", "--quiet", "--input", file)),
    async clear() {
      await removeFolder(store);
      store = await newStore();
    },
    folder,
    layers: folder,
    pid: null,
    stop: () => removeFolder(folder),
  };
}

function socketClient(socketPath: string): Client {
  return new Client("http://localhost", { socketPath, bodyTimeout: 0, headersTimeout: 0 });
}

/** Both engines answer 200 with lines of progress; the last one tells of a failure. */
async function post(client: Client, path: string, body: object | null): Promise<void> {
  const headers = body === null ? {} : { "content-type": "application/json" };
  const answer = await client.request({ method: "POST", path, headers, body: body && JSON.stringify(body) });
  const text = await answer.body.text();
  if (answer.statusCode !== 200 || text.includes('"error"')) throw new Error(`${path}: ${answer.statusCode} ${text.slice(-500)}`);
}

/** The largest resident size since `resetPeak`, in MiB (Linux proc(5), VmHWM). */
export async function peakMebibytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}
