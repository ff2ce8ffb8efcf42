import { BerthError } from "../../../shared/domain/index.ts";
import type { OciSpec } from "../oci-spec.ts";
import type { ProcessInput, SpecInput } from "../spec-input.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Above 0, so that the kernel, short of memory on the whole machine, ends a job before the machine's own services. */
const JOB_OOM_SCORE = 500;

/** What runs, its environment and working directory. */
export function withProcess(spec: OciSpec, input: SpecInput): OciSpec {
  return {
    ...spec,
    process: {
      ...spec.process,
      args: resolveArgv(input.process),
      env: mergeEnv(input.process, { home: input.user.home, hostname: input.hostname }),
      cwd: resolveCwd(input.process),
      noNewPrivileges: true,
      oomScoreAdj: JOB_OOM_SCORE,
    },
  };
}

/**
 * ENTRYPOINT and CMD against command and args, by Kubernetes' table: a command drops the image's CMD too.
 * @throws BerthError invalid_request when nothing is left to run, or an argument holds a NUL
 */
export function resolveArgv(process: ProcessInput): string[] {
  const head = process.command ?? process.image.entrypoint;
  const tail = process.args ?? (process.command ? [] : process.image.cmd);
  const argv = [...head, ...tail];
  if (argv.length === 0 || argv[0] === "") {
    throw new BerthError("invalid_request", "nothing to run: the image has no ENTRYPOINT or CMD and no command was given", {
      field: "/command",
    });
  }
  if (argv.some((argument) => argument.includes("\0"))) {
    throw new BerthError("invalid_request", "an argument of the command holds a NUL character", { field: "/command" });
  }
  return argv;
}

/**
 * "KEY=value" lines. Home and hostname are what the image and the request do not say otherwise.
 * @throws BerthError invalid_request for a name that no program could read back
 */
export function mergeEnv(process: ProcessInput, defaults: { home: string | null; hostname: string }): string[] {
  const merged = { HOSTNAME: defaults.hostname, HOME: defaults.home ?? "/", ...environmentOf(process) };
  return Object.entries(merged).map(([name, value]) => envLine(name, value));
}

/** A default PATH, the image's environment, the request's: later wins. */
export function environmentOf(process: ProcessInput): Record<string, string> {
  const ofImage = process.image.env.flatMap((line): [string, string][] => {
    const equals = line.indexOf("=");
    return equals > 0 ? [[line.slice(0, equals), line.slice(equals + 1)]] : [];
  });
  // fromEntries makes plain properties, also of "__proto__".
  return Object.fromEntries([["PATH", DEFAULT_PATH], ...ofImage, ...Object.entries(process.env)]);
}

function envLine(name: string, value: string): string {
  if (name === "" || /[=\0]/.test(name) || value.includes("\0")) {
    throw new BerthError("invalid_request", `environment variable ${JSON.stringify(name)} has a bad name or value`, { field: "/env" });
  }
  return `${name}=${value}`;
}

/**
 * The working directory, absolute and without "..". Nothing below /proc is taken: /proc/self/fd/N once led out of the
 * container (CVE-2024-21626).
 * @throws BerthError invalid_request
 */
export function resolveCwd(process: ProcessInput): string {
  const wanted = process.workdir ?? (process.image.workingDir === "" ? "/" : process.image.workingDir);
  const segments = wanted.split("/").filter((segment) => segment !== "" && segment !== ".");
  const bad = !wanted.startsWith("/") || wanted.includes("\0") || segments.includes("..") || segments[0] === "proc";
  if (bad) throw new BerthError("invalid_request", `working directory ${JSON.stringify(wanted)} is not allowed`, { field: "/workdir" });
  return `/${segments.join("/")}`;
}
