import { resolve } from "node:path";
import { Command, Option } from "commander";
import { BerthError } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT } from "../exit-codes.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { allowGpuDeviceOption, type GpuDeviceName } from "../submit/allow-gpu-device.ts";
import { collect, nodeLabels, positiveInteger } from "../submit/option-values.ts";
import { storageDriverOption } from "../submit/storage-driver-option.ts";
import { type UsernsOptions, usernsOf, withUserns } from "../submit/userns-options.ts";
import { berthPaths, DEFAULT_DATA_DIR } from "../supervise/berth-paths.ts";
import { makePrivateFolder } from "../supervise/private-folder.ts";
import { runUntilStopped } from "../supervise/run-until-stopped.ts";
import { action, examples } from "../verb.ts";

interface Options extends UsernsOptions {
  join?: string;
  dataDir: string;
  runDir?: string;
  name?: string;
  address?: string;
  simulateGpus?: number;
  simulateMig?: string[];
  driverRoot?: string;
  allowBind?: string[];
  allowGpuDevice?: GpuDeviceName[];
  storageDriver: "auto" | "overlay2" | "vfs";
  cdiDir?: string;
  label?: string[];
  trustPolicy?: string;
  diagnostic?: string;
  metricsListen?: string;
  registryListen?: string;
  peerListen?: string;
  runtime: "auto" | "crun" | "runc";
  logLevel: string;
  exitWithStdin?: boolean;
}

interface GlobalOptions {
  token?: string;
  tokenFile?: string;
  caFile?: string;
  insecureHttp?: boolean;
}

/** Runs until SIGTERM or SIGINT; containers outlive it and are adopted by the next agent, until their lease ends. */
export function agentVerb(io: CliIo): Command {
  const command = new Command("agent")
    .description("Join this machine to a control plane and run its jobs.")
    .option("--join <url>", "the control plane (BERTH_HOST): https://host:8470")
    .option("--token <token>", "join token, only for the first start; prefer BERTH_JOIN_TOKEN or --token-file")
    .option("--token-file <path>", "file holding the join token (BERTH_JOIN_TOKEN_FILE)")
    .option("--ca-file <path>", "PEM file of the control plane's CA (BERTH_CA_FILE); a join token carries its fingerprint")
    .option("--insecure-http", "join over http:// although others could listen")
    .option("--data-dir <folder>", "images, volumes, identity (BERTH_DATA_DIR)", io.env["BERTH_DATA_DIR"] || DEFAULT_DATA_DIR)
    .option("--run-dir <folder>", "sockets and leases")
    .option("--name <name>", "name of this node (default: the host's)")
    .option("--address <ip>", "where other nodes reach this one (default: found out)")
    .option("--simulate-gpus <n>", "pretend to have GPUs, for trying out: nothing computes on them", positiveInteger)
    .option("--simulate-mig <gpu=profiles>", "split a simulated GPU into MIG devices: 0=3g.40gb,1g.10gb (repeatable)", collect)
    .option("--driver-root <folder>", "where the NVIDIA driver's files lie (default: /)")
    .option("--allow-bind <folder>", "host folder that jobs may mount (repeatable)", collect)
    .addOption(allowGpuDeviceOption())
    .addOption(storageDriverOption())
    .option("--cdi-dir <folder>", "keep a CDI file of the GPUs here for podman, containerd and Docker, as /etc/cdi")
    .option("--label <key=value>", "label of this node that jobs choose by: rack=r12 (repeatable)", collect)
    .option("--diagnostic <program>", "your own check of a quarantined GPU (BERTH_GPU_UUIDS): 0 gives it back")
    .option("--trust-policy <file>", "which images may be pulled and run (default: trust.json in the data dir; docs/images.md)")
    .option("--metrics-listen <host:port>", "serve metrics here")
    .option("--registry-listen <host:port>", "serve this node's images as an OCI registry here (docs/registry.md)")
    .option(
      "--peer-listen <host:port>",
      "give image layers to the other nodes of the cluster here, and take them from those that have them",
    )
    .addOption(new Option("--runtime <name>", "OCI runtime").choices(["auto", "crun", "runc"]).default("auto"))
    .addOption(new Option("--log-level <level>", "how much to log").choices(["debug", "info", "warn", "error"]).default("info"))
    .addOption(new Option("--exit-with-stdin").hideHelp())
    .action(action(io, (options: Options, self: Command) => runAgentVerb(io, options, self)));
  return examples(withUserns(command), [
    "BERTH_JOIN_TOKEN=$(ssh head berth token create) berth agent --join https://head:8470",
    "berth agent --join https://head:8470 --token-file join.token",
  ]);
}

async function runAgentVerb(io: CliIo, options: Options, self: Command): Promise<number> {
  const join = options.join ?? io.env["BERTH_HOST"];
  if (!join) throw new BerthError("invalid_request", "no control plane is named", { details: { hint: "add --join https://HOST:8470" } });
  const paths = berthPaths(options.dataDir, options.runDir);
  await makePrivateFolder(paths.runDir);
  if (options.simulateGpus !== undefined) warnSimulatedGpus(io, `this node will show ${options.simulateGpus}`);
  // --token, --ca-file and the like also exist before the verb, where they mean the API's: commander hands those here too.
  const { token, tokenFile, caFile, insecureHttp } = self.optsWithGlobals<GlobalOptions>();
  const agentOptions = {
    join,
    token: token ?? null,
    tokenFile: tokenFile ?? (io.env["BERTH_JOIN_TOKEN_FILE"] || null),
    caFile: caFile ?? (io.env["BERTH_CA_FILE"] || null),
    insecureHttp: insecureHttp ?? false,
    name: options.name ?? null,
    address: options.address ?? null,
    dataDir: paths.dataDir,
    runDir: paths.runDir,
    simulateGpus: options.simulateGpus ?? 0,
    simulateMig: options.simulateMig ?? [],
    driverRoot: options.driverRoot ?? null,
    allowBind: options.allowBind ?? [],
    allowGpuDevices: options.allowGpuDevice ?? [],
    cdiDir: options.cdiDir ?? null,
    labels: nodeLabels(options.label ?? []),
    ...(options.trustPolicy === undefined ? {} : { trustPolicy: resolve(options.trustPolicy) }),
    metricsListen: options.metricsListen ?? null,
    registryListen: options.registryListen ?? null,
    ...(options.diagnostic === undefined ? {} : { diagnostic: resolve(options.diagnostic) }),
    peerListen: options.peerListen ?? null,
    ...usernsOf(options),
    storageDriver: options.storageDriver,
    runtime: options.runtime,
    logLevel: options.logLevel,
  };
  const { runAgent } = await import("../../node/agent/index.ts");
  await runUntilStopped(io, options.exitWithStdin ?? false, (signal) => runAgent(agentOptions, signal));
  return EXIT.ok;
}
