import { networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { clientVersion } from "../client-version.ts";
import { EXIT } from "../exit-codes.ts";
import { warnSimulatedGpus } from "../output/simulated-gpus.ts";
import { paint } from "../output/style.ts";
import { allowGpuDeviceOption, type GpuDeviceName } from "../submit/allow-gpu-device.ts";
import { collect, duration, nodeLabels, positiveInteger } from "../submit/option-values.ts";
import { storageDriverOption } from "../submit/storage-driver-option.ts";
import { type UsernsOptions, withUserns } from "../submit/userns-options.ts";
import { advertisedAddress } from "../supervise/advertised-address.ts";
import { type BerthPaths, berthPaths, DEFAULT_DATA_DIR, DEFAULT_LISTEN } from "../supervise/berth-paths.ts";
import { type ControlPlaneOptions, controlPlaneArguments, withControlPlaneOptions } from "../supervise/control-plane-options.ts";
import { reportToParent, startDetached } from "../supervise/detach.ts";
import { stopSignals } from "../supervise/stop-signals.ts";
import { showsTls, type TlsOptions, tlsArguments, withTls } from "../supervise/tls-options.ts";
import { action, examples } from "../verb.ts";

interface Options extends ControlPlaneOptions, TlsOptions, UsernsOptions {
  dataDir: string;
  runDir?: string;
  listen: string;
  redis?: string;
  lease?: string;
  name?: string;
  address?: string;
  simulateGpus?: number;
  simulateMig?: string[];
  driverRoot?: string;
  metricsListen?: string;
  registryListen?: string;
  peerListen?: string;
  allowBind?: string[];
  allowGpuDevice?: GpuDeviceName[];
  storageDriver: "auto" | "overlay2" | "vfs";
  cdiDir?: string;
  diagnostic?: string;
  label?: string[];
  trustPolicy?: string;
  detach?: boolean;
  reportToParent?: boolean;
}

/**
 * Stops at SIGTERM, SIGINT or SIGHUP, at once at the second. With --detach it ends when everything is ready, or with what
 * kept it from starting.
 */
export function upVerb(io: CliIo): Command {
  const command = withTls(new Command("up"))
    .description("Start Berth on this machine: a private Redis, the control plane and an agent. Ctrl-C stops them in order.")
    .option("--data-dir <folder>", "images, volumes, queue, logs (BERTH_DATA_DIR)", io.env["BERTH_DATA_DIR"] || DEFAULT_DATA_DIR)
    .option("--run-dir <folder>", "sockets (default: /run/berth, or run/ in another data dir)")
    .option("--listen <host:port>", "address of the API; needs tokens, the socket does not", DEFAULT_LISTEN)
    .option("--redis <url>", "use this Redis instead of a private one (BERTH_REDIS_URL, better for passwords)")
    .option("--lease <duration>", "how long a node may be out of touch before its jobs move", duration)
    .option("--name <name>", "name of this node (default: the host's)")
    .option("--address <ip>", "where other nodes reach this one (default: found out)")
    .option("--simulate-gpus <n>", "pretend to have GPUs, for trying out: nothing computes on them", positiveInteger)
    .option("--simulate-mig <gpu=profiles>", "split a simulated GPU into MIG devices: 0=3g.40gb,1g.10gb (repeatable)", collect)
    .option("--driver-root <folder>", "where the NVIDIA driver's files lie")
    .option("--trust-policy <file>", "which images may be pulled and run (default: trust.json in the data dir)")
    .option("--metrics-listen <host:port>", "serve the agent's metrics here")
    .option("--registry-listen <host:port>", "serve this node's images as an OCI registry here")
    .option(
      "--peer-listen <host:port>",
      "give image layers to the other nodes of the cluster here, and take them from those that have them",
    )
    .option("--allow-bind <folder>", "host folder that jobs may mount (repeatable)", collect)
    .addOption(allowGpuDeviceOption())
    .addOption(storageDriverOption())
    .option("--cdi-dir <folder>", "keep a CDI file of the GPUs here for podman, containerd and Docker, as /etc/cdi")
    .option("--diagnostic <program>", "your own check of a quarantined GPU (BERTH_GPU_UUIDS): 0 gives it back")
    .option("--label <key=value>", "label of this node that jobs choose by: rack=r12 (repeatable)", collect)
    .option("-d, --detach", "go to the background when everything is ready")
    .addOption(new Option("--report-to-parent").hideHelp())
    .action(action(io, (options: Options, self: Command) => up(io, options, self)));
  return examples(withControlPlaneOptions(withUserns(command)), [
    "berth up",
    "berth up --detach --listen 0.0.0.0:8470",
    "berth up --data-dir /tmp/try --simulate-gpus 4",
  ]);
}

async function up(io: CliIo, options: Options, self: Command): Promise<number> {
  const paths = berthPaths(options.dataDir, options.runDir);
  if (options.detach) return detach(io, paths, options, self);
  try {
    await runForeground(io, paths, options);
    return EXIT.ok;
  } catch (error) {
    reportToParent({ failed: error });
    throw error;
  }
}

async function detach(io: CliIo, paths: BerthPaths, options: Options, self: Command): Promise<number> {
  io.stderr.write("starting Berth in the background\n");
  const pid = await startDetached(paths, foregroundArguments(self));
  sayReady(io, paths, options);
  io.stderr.write(
    `running as process ${pid}; \`berth down${paths.dataDir === DEFAULT_DATA_DIR ? "" : ` --data-dir ${paths.dataDir}`}\` stops it\n`,
  );
  return EXIT.ok;
}

/** The command line again, without -d; secrets go by environment already. */
function foregroundArguments(self: Command): string[] {
  const given = self.options.filter(
    (option) => option.attributeName() !== "detach" && self.getOptionValueSource(option.attributeName()) === "cli",
  );
  return [
    "up",
    ...given.flatMap((option) =>
      [self.getOptionValue(option.attributeName())]
        .flat()
        .flatMap((value: unknown) => (value === true ? [`${option.long}`] : [`${option.long}=${String(value)}`])),
    ),
  ];
}

async function runForeground(io: CliIo, paths: BerthPaths, options: Options): Promise<void> {
  const [{ loadNative }, { superviseChildren }, { serviceSpecs }, { preflight }] = await Promise.all([
    import("../../node/platform/index.ts"),
    import("../supervise/supervisor.ts"),
    import("../supervise/services.ts"),
    import("../supervise/preflight.ts"),
  ]);
  const redisUrl = options.redis ?? (io.env["BERTH_REDIS_URL"] || null);
  await preflight(paths, redisUrl === null);
  const leaseSeconds = options.lease === undefined ? null : parseDurationSeconds(options.lease);
  const upOptions = {
    listen: options.listen,
    redisUrl,
    leaseSeconds,
    controlPlaneArguments: [...controlPlaneArguments(options), ...tlsArguments(options)],
    agentArguments: agentArguments(options),
  };
  const signals = stopSignals(io);
  try {
    const say = (line: string) => void io.stderr.write(`${line}\n`);
    say(`berth ${clientVersion()}: data in ${paths.dataDir}, sockets in ${paths.runDir}, logs in ${paths.logDir}`);
    if (options.simulateGpus !== undefined) warnSimulatedGpus(io, `this node will show ${options.simulateGpus}`);
    const onReady = () => {
      sayReady(io, paths, options);
      reportToParent("ready");
    };
    const run = {
      paths,
      listen: options.listen,
      specs: serviceSpecs(paths, upOptions, io.env, io.clock),
      stop: signals.stop,
      hurry: signals.hurry,
      onReady,
    };
    await superviseChildren(run, { native: loadNative(), clock: io.clock, say });
    say("stopped");
  } finally {
    signals.close();
  }
}

function agentArguments(options: Options): string[] {
  const single: [string, string | number | undefined][] = [
    ["--name", options.name],
    ["--address", options.address ?? advertisedAddress(options.listen, networkInterfaces())],
    ["--simulate-gpus", options.simulateGpus],
    ["--driver-root", options.driverRoot],
    ["--cdi-dir", options.cdiDir],
    ["--diagnostic", options.diagnostic === undefined ? undefined : resolve(options.diagnostic)],
    ["--trust-policy", options.trustPolicy === undefined ? undefined : resolve(options.trustPolicy)],
    ["--metrics-listen", options.metricsListen],
    ["--registry-listen", options.registryListen],
    ["--peer-listen", options.peerListen],
    ["--userns-remap", options.usernsRemap],
    ["--storage-driver", options.storageDriver],
    ["--userns-host", options.usernsHost],
    ["--userns-layers", options.usernsLayers],
  ];
  const binds = (options.allowBind ?? []).flatMap((folder) => ["--allow-bind", folder]);
  const split = (options.simulateMig ?? []).flatMap((text) => ["--simulate-mig", text]);
  const devices = (options.allowGpuDevice ?? []).flatMap((name) => ["--allow-gpu-device", name]);
  const labels = Object.entries(nodeLabels(options.label ?? [])).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  return [
    ...single.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)])),
    ...split,
    ...binds,
    ...devices,
    ...labels,
  ];
}

function sayReady(io: CliIo, paths: BerthPaths, options: Options): void {
  const base = `${showsTls(options, options.listen) ? "https" : "http"}://${options.listen}`;
  io.stderr.write(`${paint("ready:", "green", io.colour.stderr)} ${base}  docs: ${base}/docs  metrics: ${base}/metrics\n`);
  if (paths.runDir === "/run/berth") return;
  io.stderr.write(`  export BERTH_HOST=unix://${paths.apiSocket} BERTH_NODE=unix://${paths.nodeSocket}\n`);
}
