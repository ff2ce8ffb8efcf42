import { BerthError, type Gpu } from "../../../shared/domain/index.ts";
import type { DeviceChoice } from "./device-choice.ts";
import { type DeviceSelector, normalizeBusId } from "./device-selector.ts";

type MigDevice = NonNullable<Gpu["mig"]>["devices"][number];

export interface GpuSelection {
  /** Whole GPUs, each once, by index. */
  gpus: Gpu[];
  /** MIG devices named one by one; their GPU is not among `gpus` unless it was named too. */
  mig: { gpu: Gpu; device: MigDevice }[];
}

/**
 * The devices of this machine that a choice names. "all" and a count take healthy GPUs; a named one need not be healthy, so
 * that whoever asked for it is told why it is not given.
 * @throws BerthError gpu_unavailable for a device that is not there, is named ambiguously, or when there are too few
 */
export function selectGpus(choice: DeviceChoice, inventory: readonly Gpu[]): GpuSelection {
  const byIndex = [...inventory].sort((a, b) => a.index - b.index);
  switch (choice.kind) {
    case "void":
    case "none":
      return { gpus: [], mig: [] };
    case "all":
      return { gpus: byIndex.filter((gpu) => gpu.healthy), mig: [] };
    case "count":
      return { gpus: firstHealthy(byIndex, choice.count), mig: [] };
    case "devices":
      return named(choice.devices, byIndex);
  }
}

function firstHealthy(gpus: readonly Gpu[], count: number): Gpu[] {
  const healthy = gpus.filter((gpu) => gpu.healthy);
  if (healthy.length < count)
    throw new BerthError("gpu_unavailable", `${count} GPUs are asked for; this machine has ${healthy.length} healthy ones`);
  return healthy.slice(0, count);
}

function named(devices: readonly DeviceSelector[], gpus: readonly Gpu[]): GpuSelection {
  const found = devices.map((device) => find(device, gpus));
  const whole = new Set(found.flatMap((one) => one.gpus));
  const mig = new Map(found.flatMap((one) => one.mig).map((one) => [one.device.uuid, one]));
  return { gpus: gpus.filter((gpu) => whole.has(gpu)), mig: [...mig.values()] };
}

function find(selector: DeviceSelector, gpus: readonly Gpu[]): GpuSelection {
  switch (selector.kind) {
    case "index":
      return one(gpus.find((gpu) => gpu.index === selector.index) ?? absent(`index ${selector.index}`));
    case "uuid":
      return one(byUuid(selector.uuid, gpus));
    case "pci":
      return one(gpus.find((gpu) => normalizeBusId(gpu.pciBusId) === selector.busId) ?? absent(`bus id ${selector.busId}`));
    case "mig-uuid":
      return oneMig(migDevices(gpus).find(({ device }) => device.uuid.toLowerCase() === selector.uuid) ?? absentMig(selector.uuid));
    case "mig-index":
      return oneMig(migAt(gpus, selector.gpu, selector.device));
    case "cdi":
      return byCdiName(selector, gpus);
  }
}

/** A whole UUID, or a beginning that only one GPU has. */
function byUuid(wanted: string, gpus: readonly Gpu[]): Gpu {
  const matching = gpus.filter((gpu) => gpu.uuid.toLowerCase().startsWith(wanted));
  const exact = matching.find((gpu) => gpu.uuid.toLowerCase() === wanted);
  const [first, second] = matching;
  if (!exact && first && second)
    throw new BerthError("gpu_unavailable", `${wanted} is the beginning of both ${first.uuid} and ${second.uuid}`);
  return exact ?? first ?? absent(wanted.replace(/^gpu-/, "GPU-"));
}

/** nvidia.com/gpu names a device by index or UUID, "all" stands for all (nvidia-ctk's naming). */
function byCdiName({ vendor, class: kind, name }: Extract<DeviceSelector, { kind: "cdi" }>, gpus: readonly Gpu[]): GpuSelection {
  const whole = `${vendor}/${kind}=${name}`;
  if (`${vendor}/${kind}` !== "nvidia.com/gpu") throw new BerthError("gpu_unavailable", `${whole} is no device of this machine's driver`);
  if (name === "all") return selectGpus({ kind: "all" }, gpus);
  if (/^\d{1,6}$/.test(name)) return find({ kind: "index", index: Number(name) }, gpus);
  if (/^\d{1,6}:\d{1,6}$/.test(name)) return oneMig(migAt(gpus, ...(name.split(":").map(Number) as [number, number])));
  return find({ kind: /^mig-/i.test(name) ? "mig-uuid" : "uuid", uuid: name.toLowerCase() }, gpus);
}

function migDevices(gpus: readonly Gpu[]): { gpu: Gpu; device: MigDevice }[] {
  return gpus.flatMap((gpu) => (gpu.mig?.devices ?? []).map((device) => ({ gpu, device })));
}

function migAt(gpus: readonly Gpu[], index: number, position: number): { gpu: Gpu; device: MigDevice } {
  const gpu = gpus.find((candidate) => candidate.index === index);
  const device = gpu?.mig?.devices[position];
  return gpu && device ? { gpu, device } : absentMig(`${index}:${position}`);
}

function one(gpu: Gpu): GpuSelection {
  return { gpus: [gpu], mig: [] };
}

function oneMig(mig: { gpu: Gpu; device: MigDevice }): GpuSelection {
  return { gpus: [], mig: [mig] };
}

function absent(name: string): never {
  throw new BerthError("gpu_unavailable", `this machine has no GPU ${name}`);
}

function absentMig(name: string): never {
  throw new BerthError("gpu_unavailable", `this machine has no MIG device ${name}`);
}
