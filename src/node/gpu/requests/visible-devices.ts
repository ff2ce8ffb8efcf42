import { type DeviceSelector, parseDeviceSelector } from "./device-selector.ts";
import { invalid, listItems } from "./request-limits.ts";

/**
 * What a container asks to see. "void": not a GPU container, nothing is injected. "none": the driver's files and control
 * nodes without a GPU. "count": any `count` GPUs.
 */
export type DeviceChoice =
  | { kind: "void" }
  | { kind: "none" }
  | { kind: "all" }
  | { kind: "count"; count: number }
  | { kind: "devices"; devices: DeviceSelector[] };

/**
 * NVIDIA_VISIBLE_DEVICES. Unset and empty mean void; one void in a list wins over everything else. Words in any case.
 * @throws BerthError gpu_request_invalid
 */
export function parseVisibleDevices(value: string | undefined): DeviceChoice {
  return choiceOf(listItems("NVIDIA_VISIBLE_DEVICES", value ?? ""));
}

/** @throws BerthError gpu_request_invalid */
export function choiceOf(items: readonly string[]): DeviceChoice {
  const words = new Set(items.map((item) => item.toLowerCase()));
  if (items.length === 0 || words.has("void")) return { kind: "void" };
  if (words.has("none")) return alone("none", words);
  if (words.has("all")) return { kind: "all" };
  return { kind: "devices", devices: items.map(parseDeviceSelector) };
}

function alone(kind: "none", words: ReadonlySet<string>): DeviceChoice {
  if (words.size > 1) throw invalid(`"none" stands alone or not at all`);
  return { kind };
}
