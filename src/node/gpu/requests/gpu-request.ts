import { type ImageRequirements, imageRequirements, isLegacyImage } from "../../../shared/gpu-requirements/index.ts";
import { CAPABILITY_WORDS, type CapabilityRequest, type CapabilityWord, parseDriverCapabilities } from "./driver-capabilities.ts";
import { type AllowedExtra, EXTRA_DEVICES, type ExtraDevice, extraDevices, parseImexChannels, refuseMigRights } from "./extra-devices.ts";

/** What a job asks beside what it was assigned, read from its environment. */
export interface GpuRequest {
  capabilities: CapabilityRequest;
  requirements: ImageRequirements;
  extras: ExtraDevice[];
  imexChannels: number[];
  /** What was asked and is not done, for people. */
  notes: string[];
}

const ALL: CapabilityRequest = { capabilities: [...CAPABILITY_WORDS], all: true };

/**
 * Reads the NVIDIA_* variables of a job's environment (image, then job). It says nothing of GPUs: those are assigned, and the
 * environment narrows. `allowedExtras` is what the operator lets jobs have beside them; `capabilities` replaces
 * NVIDIA_DRIVER_CAPABILITIES, as the option of `--gpus` does. Pure.
 * @throws BerthError gpu_request_invalid for a malformed value, forbidden for rights that no job has
 */
export function readGpuRequest(
  env: Readonly<Record<string, string>>,
  allowedExtras: readonly AllowedExtra[] = [],
  capabilities: readonly CapabilityWord[] | null = null,
): GpuRequest {
  refuseMigRights(env);
  const mayHave = (extra: AllowedExtra): boolean => allowedExtras.includes(extra);
  return {
    capabilities: capabilities === null ? capabilitiesOf(env) : { capabilities: [...capabilities], all: false },
    requirements: imageRequirements(env),
    extras: extraDevices(env).filter(mayHave),
    imexChannels: mayHave("imex") ? parseImexChannels(env["NVIDIA_IMEX_CHANNELS"]) : [],
    notes: ignored(env, mayHave),
  };
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
