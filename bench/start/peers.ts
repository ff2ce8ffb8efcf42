import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "../../test/support/poll.ts";
import type { TestHost } from "../../test/support/test-hosts.ts";
import { removeFolder, stopDaemon } from "../daemon.ts";

const run = promisify(execFile);

/** Something that can run a no-op in a container of the same files as ours. */
export interface Peer {
  runNoop(): Promise<void>;
  stop(): Promise<void>;
}

async function on(host: TestHost, command: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const [file = "", ...args] = [...host.enter, ...command];
  return (await run(file, args, { env, maxBuffer: 2 ** 24 })).stdout;
}

/** dockerd with folders of its own, its bridge on the test host. */
export async function startDocker(host: TestHost, rootfsTar: string): Promise<Peer> {
  const folder = await mkdtemp("/tmp/bench-docker-");
  const socket = `unix://${folder}/docker.sock`;
  const args = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec"), "--pidfile", join(folder, "pid"), "-H", socket];
  const [file = "", ...enter] = host.enter;
  const daemon = spawn(file, [...enter, "/usr/sbin/dockerd", ...args], { stdio: "ignore" });
  const docker = (...command: string[]) => on(host, ["/usr/bin/docker", "-H", socket, ...command]);
  await until("dockerd to answer", 60, () => docker("version"));
  await docker("import", rootfsTar, "tiny");
  return {
    runNoop: async () => void (await docker("run", "--rm", "tiny", "/bin/true")),
    stop: async () => stopDaemon(daemon, folder),
  };
}

/** podman with a store of its own. */
export async function startPodman(host: TestHost, rootfsTar: string): Promise<Peer> {
  const folder = await mkdtemp("/tmp/bench-podman-");
  const podman = (...command: string[]) =>
    on(host, [
      "podman",
      "--root",
      join(folder, "root"),
      "--runroot",
      join(folder, "run"),
      "--cgroup-manager",
      "cgroupfs",
      "--runtime",
      "runc",
      ...command,
    ]);
  await podman("import", rootfsTar, "tiny");
  // Limits are named: a root without CAP_SYS_RESOURCE may not raise what podman would raise.
  const noop = ["run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "tiny", "/bin/true"];
  return { runNoop: async () => void (await podman(...noop)), stop: () => removeFolder(folder) };
}

/** `runc run` on an unpacked rootfs: nothing but the runtime itself. */
export async function startRunc(host: TestHost, rootfsTar: string): Promise<Peer> {
  const folder = await mkdtemp("/tmp/bench-runc-");
  const rootfs = join(folder, "rootfs");
  await mkdir(rootfs);
  await run("tar", ["-xf", rootfsTar, "-C", rootfs]);
  await run("runc", ["spec", "--bundle", folder]);
  const spec = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as { process: { terminal: boolean; args: string[] } };
  spec.process.terminal = false;
  spec.process.args = ["/bin/true"];
  await writeFile(join(folder, "config.json"), JSON.stringify(spec));
  let count = 0;
  return {
    runNoop: async () => void (await on(host, ["runc", "--root", join(folder, "state"), "run", "--bundle", folder, `noop-${count++}`])),
    stop: () => removeFolder(folder),
  };
}
