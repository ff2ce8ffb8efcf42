import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InjectionPlan } from "../../../../src/node/gpu/index.ts";
import { exec, type Finished, must } from "./exec.ts";

/**
 * Stands where a runtime stands when it calls a prestart hook: a process in its own mount namespace, before pivot_root, with
 * the rootfs bound onto itself and /dev and /proc mounted in it. So the hook can be looked at without a runtime around it.
 */
export interface NamespaceHolder {
  pid: number;
  /** Mount points below the rootfs, seen from inside. */
  mounts(): Promise<string[]>;
  /** The options of those mounts by mount point: "ro,nosuid,nodev". */
  mountOptions(): Promise<Record<string, string>>;
  /** Names in a folder, and the text of a file, of the rootfs, seen from inside. */
  names(path: string): Promise<string[]>;
  read(path: string): Promise<string>;
  release(): Promise<void>;
}

export async function holdNamespace(
  rootfs: string,
  options: { dev?: boolean; proc?: boolean; params?: string; procFolders?: string[] } = {},
): Promise<NamespaceHolder> {
  const { dev = true, proc = true } = options;
  const steps = [`mount --bind '${rootfs}' '${rootfs}'`];
  if (dev) steps.push(`mount -t tmpfs tmpfs '${rootfs}/dev'`);
  if (proc) steps.push(`mount -t proc proc '${rootfs}/proc'`);
  // Stands for a loaded driver's /proc/driver/nvidia.
  if (options.params)
    steps.push(
      `mount -t tmpfs tmpfs '${rootfs}/proc/driver' && mkdir '${rootfs}/proc/driver/nvidia' && echo '${options.params}' > '${rootfs}/proc/driver/nvidia/params'`,
    );
  for (const folder of options.procFolders ?? []) steps.push(`mkdir -p '${rootfs}/proc/driver/nvidia/${folder}'`);
  const child = spawn("unshare", ["-m", "--propagation", "private", "sh", "-c", `${steps.join(" && ")} && echo ready && exec cat`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const pid = child.pid as number;
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error(`no namespace for ${rootfs}`)));
  });
  const inside = (...args: string[]): Promise<string> => must("nsenter", ["-m", "-t", String(pid), ...args]);
  const mounts = async (): Promise<[path: string, options: string][]> =>
    (await inside("cat", "/proc/self/mountinfo"))
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, , , , path]) => path?.startsWith(`${rootfs}/`))
      .map(([, , , , path = "", options = ""]) => [path.slice(rootfs.length), options]);
  return {
    pid,
    mounts: async () => (await mounts()).map(([path]) => path).sort(),
    mountOptions: async () => Object.fromEntries(await mounts()),
    names: async (path) =>
      (await inside("ls", "-A", join(rootfs, path)))
        .split("\n")
        .filter((name) => name !== "")
        .sort(),
    read: (path) => inside("cat", join(rootfs, path)),
    release: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin.end();
      }),
  };
}

export interface HookCall {
  hook: string;
  /** Arguments before the hook's own, where `hook` is a program that runs it. */
  before?: string[];
  bundle: string;
  pid: number;
  rootfs: string;
  /** The plan, or any text to stand in its place. */
  plan: InjectionPlan | string;
  planMode?: number;
  linux?: Record<string, unknown>;
  env?: Record<string, string>;
  /** The sanitized hook fails by itself after this many steps. */
  failAfter?: number;
  /** Stands in place of the OCI state. */
  state?: string;
}

/** Calls the hook as a runtime would: config.json and plan in the bundle, the OCI state on stdin. */
export async function callHook(call: HookCall): Promise<Finished> {
  const planPath = join(call.bundle, "injection-plan.json");
  const config = { ociVersion: "1.0.2", root: { path: call.rootfs }, linux: { namespaces: [{ type: "mount" }], ...call.linux } };
  await writeFile(join(call.bundle, "config.json"), JSON.stringify(config));
  await writeFile(planPath, typeof call.plan === "string" ? call.plan : JSON.stringify(call.plan), { mode: 0o600 });
  await must("chmod", [(call.planMode ?? 0o600).toString(8), planPath]);
  const state = { ociVersion: "1.0.2", id: "t", status: "creating", pid: call.pid, bundle: call.bundle };
  const failure = call.failAfter === undefined ? [] : ["--fail-after", String(call.failAfter)];
  return exec(call.hook, [...(call.before ?? []), "--plan", planPath, ...failure], {
    input: call.state ?? JSON.stringify(state),
    env: call.env ?? {},
  });
}
