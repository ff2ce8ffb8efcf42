import { BerthError } from "../../../shared/domain/index.ts";
import { listItems, quoted } from "../../../shared/gpu-requirements/index.ts";

/** The words of NVIDIA_DRIVER_CAPABILITIES, "all" left out. */
export const CAPABILITY_WORDS = ["compute", "compat32", "graphics", "utility", "video", "display", "ngx"] as const;
export type CapabilityWord = (typeof CAPABILITY_WORDS)[number];

export const DEFAULT_CAPABILITIES: readonly CapabilityWord[] = ["utility", "compute"];

export interface CapabilityRequest {
  capabilities: CapabilityWord[];
  /** They were not named one by one: what this machine cannot give is left out instead of refused. */
  all: boolean;
}

/**
 * NVIDIA_DRIVER_CAPABILITIES: a comma list; unset and empty mean `fallback`.
 * @throws BerthError gpu_request_invalid for a word that is none
 */
export function parseDriverCapabilities(
  value: string | undefined,
  fallback: CapabilityRequest = { capabilities: [...DEFAULT_CAPABILITIES], all: false },
): CapabilityRequest {
  const words = new Set(listItems("NVIDIA_DRIVER_CAPABILITIES", value ?? "").map((word) => word.toLowerCase()));
  if (words.size === 0) return fallback;
  const unknown = [...words].find((word) => word !== "all" && !isCapabilityWord(word));
  if (unknown !== undefined) throw unknownCapability(unknown, value ?? "");
  const all = words.has("all");
  return { capabilities: CAPABILITY_WORDS.filter((word) => all || words.has(word)), all };
}

/** Lower case only, and "all" is none: the parsers settle both before. */
export function isCapabilityWord(word: string): word is CapabilityWord {
  return CAPABILITY_WORDS.some((known) => known === word);
}

function unknownCapability(word: string, value: string): BerthError {
  const known = [...CAPABILITY_WORDS, "all"].join(", ");
  const message = `NVIDIA_DRIVER_CAPABILITIES=${quoted(value)}: ${quoted(word)} is no capability; there are ${known}`;
  return new BerthError("gpu_request_invalid", message);
}
