import { resolve } from "node:path";
import { Command, Option } from "commander";
import { BerthError, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT } from "../exit-codes.ts";
import { duration } from "../submit/option-values.ts";
import { berthPaths, DEFAULT_DATA_DIR, DEFAULT_LISTEN } from "../supervise/berth-paths.ts";
import { type ControlPlaneOptions, schedulingOptions, withControlPlaneOptions } from "../supervise/control-plane-options.ts";
import { makePrivateFolder } from "../supervise/private-folder.ts";
import { runUntilStopped } from "../supervise/run-until-stopped.ts";
import { type TlsOptions, tlsSettings, withTls } from "../supervise/tls-options.ts";
import { action, examples } from "../verb.ts";

interface Options extends ControlPlaneOptions, TlsOptions {
  dataDir: string;
  runDir?: string;
  listen: string;
  lease?: string;
  nodeCertificateLifetime?: string;
  embedded?: boolean;
  exitWithStdin?: boolean;
}

/**
 * Runs until SIGTERM or SIGINT. Its Redis is named by environment alone: a URL may hold a password, and a command line is
 * public.
 */
export function controlPlaneVerb(io: CliIo): Command {
  const command = withTls(new Command("control-plane"))
    .description(
      "Run the control plane alone; BERTH_REDIS_URL names its Redis, BERTH_JOIN_TOKEN_FILE a lasting join token. `berth up` starts it for one machine.",
    )
    .option("--data-dir <folder>", "logs of jobs, admin token (BERTH_DATA_DIR)", io.env["BERTH_DATA_DIR"] || DEFAULT_DATA_DIR)
    .option("--run-dir <folder>", "folder of api.sock")
    .option("--listen <host:port>", "address of the API", DEFAULT_LISTEN)
    .option("--lease <duration>", "how long a node may be out of touch before its jobs move", duration)
    .option("--node-certificate-lifetime <duration>", "how long a node's certificate is valid before it must be renewed", duration, "4h")
    .option("--embedded", "the Redis is this Berth's own: refuse wrong settings instead of warning")
    .addOption(new Option("--exit-with-stdin").hideHelp())
    .action(action(io, (options: Options) => runAlone(io, options)));
  return examples(withControlPlaneOptions(command), ["BERTH_REDIS_URL=redis://redis:6379 berth control-plane --listen 0.0.0.0:8470"]);
}

async function runAlone(io: CliIo, options: Options): Promise<number> {
  const redis = io.env["BERTH_REDIS_URL"];
  if (!redis)
    throw new BerthError("invalid_request", "BERTH_REDIS_URL is not set", {
      details: { hint: "set it to redis://host:6379 or unix:///path; `berth up` brings a Redis of its own" },
    });
  const paths = berthPaths(options.dataDir, options.runDir);
  await makePrivateFolder(paths.runDir);
  const lease = options.lease === undefined ? {} : { leaseSeconds: parseDurationSeconds(options.lease) };
  const joinTokenFile = io.env["BERTH_JOIN_TOKEN_FILE"];
  const preset = joinTokenFile ? { joinTokenFile } : {};
  const { runControlPlane } = await import("../../control/api/index.ts");
  await runUntilStopped(io, options.exitWithStdin ?? false, (signal) =>
    runControlPlane(
      {
        dataDir: resolve(options.dataDir),
        runDir: paths.runDir,
        listen: options.listen,
        redis,
        embedded: options.embedded ?? false,
        ...lease,
        ...preset,
        ...schedulingOptions(options),
        ...tlsSettings(options),
        nodeCertificateMs: parseDurationSeconds(options.nodeCertificateLifetime ?? "4h") * 1000,
      },
      signal,
    ),
  );
  return EXIT.ok;
}
