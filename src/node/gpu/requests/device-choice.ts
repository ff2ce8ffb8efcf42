import { invalid } from "../../../shared/gpu-requirements/index.ts";
import { type DeviceSelector, parseDeviceSelector } from "./device-selector.ts";

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
 * A list of NVIDIA's words for devices, in any case. An empty one means void; one void wins over everything else.
 * @throws BerthError gpu_request_invalid
 */
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
