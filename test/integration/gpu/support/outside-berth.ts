import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../../../support/poll.ts";
import { CGROUP_PARENT } from "./container.ts";
import { exec, type Finished, must } from "./exec.ts";

const INSTALL = fileURLToPath(new URL("../../../../hooks/install.sh", import.meta.url));

/** `hooks/install.sh` below a prefix, for the GPUs of a simulated driver root. */
export function install(engine: string, prefix: string, driverRoot: string, ...more: string[]): Promise<string> {
  const options = ["--driver-root", driverRoot, "--simulated", "--runtime", "/usr/sbin/runc", "--root", prefix];
  const env = { PATH: process.env.PATH ?? "" };
  return must(INSTALL, ["--for", engine, ...options, ...more], { env });
}

/** A container engine that our hook was installed for, with an image "tiny". */
export interface Engine {
  /** Arguments after `run`: options, image and command. */
  run(...args: string[]): Promise<Finished>;
  command(...args: string[]): Promise<Finished>;
  stop(): Promise<void>;
}

/** podman with a store of its own. */
export async function startPodman(folder: string, prefix: string, imageTar: string): Promise<Engine> {
  const store = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
  const globals = [
    ...store,
    "--cgroup-manager",
    "cgroupfs",
    "--runtime",
    "runc",
    "--hooks-dir",
    join(prefix, "etc/containers/oci/hooks.d"),
  ];
  const command = (...args: string[]): Promise<Finished> => exec("podman", [...globals, ...args]);
  await must("podman", [...globals, "import", imageTar, "tiny"]);
  // Root without CAP_SYS_RESOURCE cannot have podman's default limits.
  const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--cgroup-parent", `/${CGROUP_PARENT}`];
  return {
    command,
    run: (...args) => command("run", "--network", "none", ...limits, ...args),
    stop: async () => {
      await must("podman", [...globals, "rm", "--all", "--force"]);
      await unmountBelow(folder);
    },
  };
}

/** dockerd with folders and a socket of its own and no network. */
export async function startDocker(folder: string, prefix: string, imageTar: string): Promise<Engine> {
  const host = `unix://${folder}/docker.sock`;
  const places = [
    "--data-root",
    join(folder, "docker"),
    "--exec-root",
    join(folder, "docker-run"),
    "--pidfile",
    join(folder, "docker.pid"),
  ];
  const config = [
    "--config-file",
    join(prefix, "etc/docker/daemon.json"),
    "--bridge=none",
    "--iptables=false",
    "--cgroup-parent",
    `/${CGROUP_PARENT}`,
  ];
  const daemon = spawn("/usr/sbin/dockerd", [...places, ...config, "-H", host], { stdio: "ignore" });
  const command = (...args: string[]): Promise<Finished> => exec("docker", ["-H", host, ...args]);
  await until("dockerd to answer", 60, async () => (await command("version")).code === 0);
  await must("docker", ["-H", host, "import", imageTar, "tiny"]);
  return {
    command,
    run: (...args) => command("run", "--network", "none", "--runtime", "berth", ...args),
    stop: async () => {
      await stopProcess(daemon);
      await unmountBelow(folder);
    },
  };
}

async function stopProcess(daemon: ChildProcess): Promise<void> {
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
}

async function unmountBelow(folder: string): Promise<void> {
  const points = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const point of points.filter((path) => path.startsWith(`${folder}/`)).reverse()) await must("umount", ["-l", point]);
}
