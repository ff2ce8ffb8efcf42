import { CAPABILITY_WORDS, type CapabilityRequest, type CapabilityWord, parseDriverCapabilities } from "./driver-capabilities.ts";
import { type AllowedExtra, EXTRA_DEVICES, type ExtraDevice, extraDevices, parseImexChannels, parseMigRight } from "./extra-devices.ts";
import { type ImageRequirements, imageRequirements, isLegacyImage } from "./requirements/image-requirements.ts";
import { type DeviceChoice, parseVisibleDevices } from "./visible-devices.ts";

/** Who may ask. */
export interface RequestPolicy {
  /**
   * "assignment": a job; the scheduler has decided, the environment can only narrow. "environment": a container started
   * outside the scheduler, whose environment is the request.
   */
  source: "assignment" | "environment";
  /** The container may administrate the machine anyway (CAP_SYS_ADMIN in its bounding set). */
  privileged: boolean;
  /** For an assignment: what the operator lets its job ask for beside the GPUs; nothing when absent. */
  allowedExtras?: readonly AllowedExtra[];
}

/** What a container asks, read from its environment. */
export interface GpuRequest {
  /** Null where an assignment decides: the environment's wish is then not even looked at. */
  devices: DeviceChoice | null;
  capabilities: CapabilityRequest;
  requirements: ImageRequirements;
  extras: ExtraDevice[];
  imexChannels: number[];
  migConfig: boolean;
  migMonitor: boolean;
  /** What was asked and is not done, for people. */
  notes: string[];
}

const ALL: CapabilityRequest = { capabilities: [...CAPABILITY_WORDS], all: true };

/**
 * Reads the NVIDIA_* variables of a container's environment (image, then job). `capabilities` replaces
 * NVIDIA_DRIVER_CAPABILITIES, as the option of `--gpus` does. Pure.
 * @throws BerthError gpu_request_invalid for a malformed value, forbidden for a right that the policy does not give
 */
export function readGpuRequest(
  env: Readonly<Record<string, string>>,
  policy: RequestPolicy,
  capabilities: readonly CapabilityWord[] | null = null,
): GpuRequest {
  const free = policy.source === "environment";
  const mayHave = (extra: AllowedExtra): boolean => free || (policy.allowedExtras ?? []).includes(extra);
  return {
    devices: free ? environmentChoice(env) : null,
    capabilities: capabilities === null ? capabilitiesOf(env) : { capabilities: [...capabilities], all: false },
    requirements: imageRequirements(env),
    extras: extraDevices(env).filter(mayHave),
    imexChannels: mayHave("imex") ? parseImexChannels(env["NVIDIA_IMEX_CHANNELS"]) : [],
    migConfig: parseMigRight("NVIDIA_MIG_CONFIG_DEVICES", env["NVIDIA_MIG_CONFIG_DEVICES"], policy.privileged),
    migMonitor: parseMigRight("NVIDIA_MIG_MONITOR_DEVICES", env["NVIDIA_MIG_MONITOR_DEVICES"], policy.privileged),
    notes: free ? [] : ignored(env, mayHave),
  };
}

/** An image from before NVIDIA_VISIBLE_DEVICES wants every GPU. */
function environmentChoice(env: Readonly<Record<string, string>>): DeviceChoice {
  const asked = env["NVIDIA_VISIBLE_DEVICES"];
  return asked === undefined && isLegacyImage(env) ? { kind: "all" } : parseVisibleDevices(asked);
}

function capabilitiesOf(env: Readonly<Record<string, string>>): CapabilityRequest {
  return parseDriverCapabilities(env["NVIDIA_DRIVER_CAPABILITIES"], isLegacyImage(env) ? ALL : undefined);
}

/** In a job these would widen what was assigned, or take away what the queue has paid for. */
function ignored(env: Readonly<Record<string, string>>, mayHave: (extra: AllowedExtra) => boolean): string[] {
  const names = [
    ...EXTRA_DEVICES.map((extra) => [`NVIDIA_${extra.toUpperCase()}`, extra] as const),
    ["NVIDIA_IMEX_CHANNELS", "imex"] as const,
  ];
  const extras = names.filter(([name, extra]) => (env[name] ?? "") !== "" && !mayHave(extra));
  const devices =
    (env["NVIDIA_VISIBLE_DEVICES"] ?? "") === "" ? [] : [`${shown(env, "NVIDIA_VISIBLE_DEVICES")}: in a job the assignment decides`];
  return [
    ...devices,
    ...extras.map(([name, extra]) => `${shown(env, name)}: the operator does not allow it (--allow-gpu-device ${extra})`),
  ];
}

function shown(env: Readonly<Record<string, string>>, name: string): string {
  return `${name}=${(env[name] ?? "").slice(0, 100)} is not looked at`;
}
