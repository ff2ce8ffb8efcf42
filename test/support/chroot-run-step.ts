import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunStep } from "../../src/node/build/index.ts";

/** Runs a build step with chroot(8): no isolation, but the real files; for tests of the builder alone. */
export const chrootRunStep: RunStep = async (step, onOutput, signal) => {
  const user = step.user === "" ? [] : [`--userspec=${step.user}`];
  const inside = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', step.workdir, ...step.argv];
  const env = Object.fromEntries(step.env.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
  const child = spawn("/usr/sbin/chroot", [...user, step.rootfs, ...inside], { env, stdio: ["ignore", "pipe", "pipe"], signal });
  child.stdout.on("data", onOutput);
  child.stderr.on("data", onOutput);
  const [code] = (await once(child, "close")) as [number | null];
  return { exitCode: code ?? 137 };
};
