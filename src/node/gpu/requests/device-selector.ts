import { invalid, quoted } from "../../../shared/gpu-requirements/index.ts";

/** How one device was named. UUIDs and bus ids are in lower case. */
export type DeviceSelector =
  | { kind: "index"; index: number }
  /** A whole UUID or a beginning of one, with its "gpu-". */
  | { kind: "uuid"; uuid: string }
  /** "00000000:3b:00.0" */
  | { kind: "pci"; busId: string }
  | { kind: "mig-uuid"; uuid: string }
  /** The `device`th MIG device of GPU `gpu`. */
  | { kind: "mig-index"; gpu: number; device: number }
  | { kind: "cdi"; vendor: string; class: string; name: string };

const INDEX = /^\d{1,6}$/;
const MIG_INDEX = /^(\d{1,6}):(\d{1,6})$/;
const GPU_UUID = /^gpu-[0-9a-f-]{8,36}$/;
/** MIG-<uuid> since driver 470, MIG-GPU-<uuid>/<gi>/<ci> before. */
const MIG_UUID = /^mig-(?:[0-9a-f-]{8,36}|gpu-[0-9a-f-]{8,36}\/\d{1,4}\/\d{1,4})$/;
/** Domain of any width, function 0 or none; without a domain only with the function, or it could be a MIG index. */
const PCI = /^(?:([0-9a-f]{1,8}):([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.0)?|([0-9a-f]{1,2}):([0-9a-f]{1,2})\.0)$/;
/** CDI spec 1.1.0, "Kind" and "Device names". */
const CDI =
  /^([A-Za-z][A-Za-z0-9_.-]{0,126}[A-Za-z0-9])\/([A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)=([A-Za-z0-9](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9])?)$/;

/**
 * One entry of a device list: "0", "GPU-5ec0...", "0000:3B:00.0", "MIG-...", "0:1", "nvidia.com/gpu=0".
 * @throws BerthError gpu_request_invalid
 */
export function parseDeviceSelector(text: string): DeviceSelector {
  const lower = text.toLowerCase();
  if (INDEX.test(lower)) return { kind: "index", index: Number(lower) };
  if (GPU_UUID.test(lower)) return { kind: "uuid", uuid: lower };
  if (MIG_UUID.test(lower)) return { kind: "mig-uuid", uuid: lower };
  return parseMigIndex(lower) ?? parsePci(lower) ?? parseCdi(text) ?? unknown(text);
}

function parseMigIndex(text: string): DeviceSelector | null {
  const found = MIG_INDEX.exec(text);
  return found ? { kind: "mig-index", gpu: Number(found[1]), device: Number(found[2]) } : null;
}

function parsePci(text: string): DeviceSelector | null {
  const busId = normalizeBusId(text);
  return busId === null ? null : { kind: "pci", busId };
}

function parseCdi(text: string): DeviceSelector | null {
  const [, vendor, kind, name] = CDI.exec(text) ?? [];
  return vendor && kind && name ? { kind: "cdi", vendor, class: kind, name } : null;
}

/** Any spelling of a bus id as "00000000:3b:00.0"; null for what is none. */
export function normalizeBusId(text: string): string | null {
  const found = PCI.exec(text.toLowerCase());
  if (!found) return null;
  const [domain = "0", bus = "", device = ""] = found[1] === undefined ? ["0", found[4], found[5]] : found.slice(1);
  return `${domain.padStart(8, "0")}:${bus.padStart(2, "0")}:${device.padStart(2, "0")}.0`;
}

function unknown(text: string): never {
  throw invalid(`${quoted(text)} names no device: write an index, a GPU- or MIG- UUID, a PCI bus id, GPU:MIG or VENDOR/CLASS=NAME`);
}
