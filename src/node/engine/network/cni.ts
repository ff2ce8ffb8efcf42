import { delimiter, join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { exists, runProgram } from "../../platform/index.ts";

const PLUGIN_FOLDERS = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];
const REQUIRED_PLUGINS = ["bridge", "host-local", "loopback"];
const TIMEOUT_MS = 30_000;

export interface CniCall {
  command: "ADD" | "DEL";
  /** Network configuration, CNI spec 1.0.0 section 1; `type` names the plugin. */
  config: { type: string; [field: string]: unknown };
  containerId: string;
  netns: string;
  interfaceName: string;
}

export interface CniResult {
  ips?: { address: string; gateway?: string }[];
}

interface PluginSearch {
  folders?: readonly string[];
  plugins?: readonly string[];
}

/** @throws BerthError missing_requirement when a plugin is in none of the known folders */
export async function findCniPlugins({ folders = PLUGIN_FOLDERS, plugins = REQUIRED_PLUGINS }: PluginSearch = {}): Promise<string> {
  for (const folder of folders) {
    const found = await Promise.all(plugins.map((plugin) => exists(join(folder, plugin))));
    if (found.every(Boolean)) return folder;
  }
  throw new BerthError(
    "missing_requirement",
    `no CNI plugins (${plugins.join(", ")}) in ${folders.join(", ")}: apt-get install containernetworking-plugins`,
  );
}

/**
 * Runs one plugin as the CNI spec says: parameters in the environment, configuration on stdin, result on stdout.
 * @throws BerthError container_start_failed with the plugin's own message
 */
export async function callCni(folder: string, call: CniCall): Promise<CniResult> {
  const result = await runProgram(join(folder, call.config.type), [], {
    env: {
      PATH: ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].join(delimiter),
      CNI_COMMAND: call.command,
      CNI_CONTAINERID: call.containerId,
      CNI_NETNS: call.netns,
      CNI_IFNAME: call.interfaceName,
      CNI_PATH: folder,
    },
    input: JSON.stringify(call.config),
    timeoutMs: TIMEOUT_MS,
  });
  if (result.code !== 0)
    throw new BerthError("container_start_failed", `CNI ${call.config.type} ${call.command}: ${reason(result.stdout, result.stderr)}`);
  return result.stdout.trim() === "" ? {} : (JSON.parse(result.stdout) as CniResult);
}

/** A plugin reports its error as JSON on stdout. */
function reason(stdout: string, stderr: string): string {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: string; details?: string };
    return [msg, details].filter(Boolean).join(": ");
  } catch {
    return `${stdout} ${stderr}`.trim() || "no message";
  }
}
