import { formatBytes, type Gpu, gpuCountText, migPart, quarantineText, WHOLE_GPU_MILLIS } from "../../shared/domain/index.ts";
import type { ReservationView } from "../../shared/wire/index.ts";
import type { NodeView } from "../client/api-client.ts";
import type { Listing } from "./formats.ts";
import { migText } from "./gpu-listing.ts";
import type { Style } from "./style.ts";
import { between } from "./time.ts";

const NOTHING_SAID: NonNullable<NodeView["controls"]> = { cordoned: false, draining: false, labels: {}, taints: [], quarantines: [] };

const NODE_STYLES: Record<NodeView["state"], Style> = { ready: "green", suspect: "yellow", lost: "red" };

/** The table of `berth nodes`. */
export function nodeListing(now: number, reservations: readonly ReservationView[] = []): Listing<NodeView> {
  const open = reservations.filter(({ from, to }) => from <= now && now < to);
  return {
    columns: [
      { title: "NAME", value: (node) => node.name },
      { title: "STATE", value: (node) => ({ text: stateText(node, open), style: NODE_STYLES[node.state] ?? null }) },
      { title: "GPUS", value: (node) => gpuCount(node), align: "right" },
      { title: "MODEL", value: gpuModels },
      { title: "CPUS", value: (node) => `${used((node.allocated?.cpuMillis ?? 0) / 1000)}/${node.facts.cpus}`, align: "right" },
      { title: "MEMORY", value: memory, align: "right" },
      { title: "ADDRESS", value: (node) => node.address },
      { title: "SEEN", value: (node) => `${between(node.lastSeenAt, now)} ago` },
    ],
    wide: [
      { title: "LABELS", value: (node) => labels(node) },
      { title: "TAINTS", value: (node) => (node.controls?.taints ?? []).map(({ key, value }) => `${key}=${value}`).join(",") },
      { title: "ID", value: (node) => node.id },
      { title: "OS", value: (node) => node.facts.os },
      { title: "KERNEL", value: (node) => node.facts.kernel },
      { title: "CGROUPS", value: (node) => node.facts.cgroupMode },
      { title: "RUNTIME", value: (node) => node.facts.runtime },
      { title: "DRIVER", value: (node) => node.facts.driverVersion },
      { title: "CUDA", value: (node) => node.facts.cudaVersion },
      { title: "DISK FREE", value: (node) => formatBytes(node.facts.diskFreeBytes), align: "right" },
      { title: "USERNS", value: usernsText },
      { title: "BERTH", value: (node) => node.facts.berthVersion },
    ],
    name: (node) => `node/${node.name}`,
    empty: "no nodes have joined (`berth agent --join` adds one)",
  };
}

/** "ready", "ready,draining", "ready,maintenance": what operators said comes after what the node says. */
function stateText({ id, state, controls = NOTHING_SAID }: NodeView, open: readonly ReservationView[]): string {
  const { cordoned, draining, quarantines, taints } = controls;
  const windows = open.filter(({ nodes }) => nodes.includes(id));
  const gpus = quarantines.filter(({ gpuUuid }) => gpuUuid !== null).length;
  const said = [
    draining ? "draining" : cordoned ? "cordoned" : "",
    quarantines.length > gpus ? "quarantined" : gpus > 0 ? `${gpus} GPU${gpus === 1 ? "" : "s"} quarantined` : "",
    taints.length > 0 ? "tainted" : "",
    windows.some(({ projects }) => projects.length === 0) ? "maintenance" : windows.length > 0 ? "reserved" : "",
  ];
  return [state, ...said.filter((word) => word !== "")].join(",");
}

/** "private (idmapped), host"; null from older agents. */
function usernsText({ facts: { userns } }: NodeView): string | null {
  if (userns === undefined) return null;
  return userns.modes.map((mode) => (mode === "private" ? `private (${userns.layers})` : mode)).join(", ");
}

/** "1/4", "1.5/4": taken and all; simulated ones are said so in the model column. */
function gpuCount(node: NodeView): string {
  const all = node.facts.gpus.length;
  return all === 0 ? "0" : `${gpuCountText(node.facts.gpus.reduce((sum, gpu) => sum + takenOf(node, gpu), 0))}/${all}`;
}

/** 0..1: all of it, the parts that jobs have, or the slices of its MIG devices. */
function takenOf({ allocated }: NodeView, { uuid, mig }: Gpu): number {
  const parts = allocated?.gpuShares?.[uuid];
  if (parts !== undefined) return parts.millis / WHOLE_GPU_MILLIS;
  if (allocated?.gpuUuids.includes(uuid)) return 1;
  const taken = (mig?.devices ?? []).filter((device) => allocated?.gpuUuids.includes(device.uuid));
  return taken.reduce((sum, { profile }) => sum + migPart(profile), 0);
}

/** "free", "allocated", "0.75 shared, 60.0 GiB", "2 of 7 MIG devices". */
function useText(node: NodeView, gpu: Gpu): string {
  const devices = gpu.mig?.enabled ? gpu.mig.devices : [];
  const held = devices.filter(({ uuid }) => node.allocated?.gpuUuids.includes(uuid)).length;
  if (devices.length > 0) return `${held} of ${devices.length} MIG devices`;
  const parts = node.allocated?.gpuShares?.[gpu.uuid];
  if (parts !== undefined) return `${gpuCountText(parts.millis / WHOLE_GPU_MILLIS)} shared, ${formatBytes(parts.memoryBytes)}`;
  return node.allocated?.gpuUuids.includes(gpu.uuid) ? "allocated" : "free";
}

function gpuModels(node: NodeView) {
  const counts = new Map<string, number>();
  for (const { model } of node.facts.gpus) counts.set(model, (counts.get(model) ?? 0) + 1);
  const models = [...counts].map(([model, count]) => (count > 1 ? `${count} x ${model}` : model)).join(", ");
  const broken = node.facts.gpus.filter((gpu) => !gpu.healthy).length;
  const text = models + (broken > 0 ? ` (${broken} unhealthy)` : "");
  if (!node.facts.simulatedGpus) return { text, style: broken > 0 ? ("red" as const) : null };
  return { text: `SIMULATED ${text}`.trim(), style: "yellow" as const };
}

function labels({ facts, controls }: NodeView): string {
  return Object.entries({ ...facts.labels, ...controls?.labels })
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

function memory(node: NodeView): string {
  return `${formatBytes(node.allocated?.memoryBytes ?? 0)}/${formatBytes(node.facts.memoryBytes)}`;
}

function used(cpus: number): string {
  return String(Math.round(cpus * 10) / 10);
}

/** The GPUs of one node, for `berth nodes NAME`. */
export function gpuListing(node: NodeView): Listing<Gpu> {
  return {
    columns: [
      { title: "GPU", value: (gpu) => gpu.index, align: "right" },
      { title: "UUID", value: (gpu) => gpu.uuid },
      { title: "MODEL", value: (gpu) => (node.facts.simulatedGpus ? { text: `SIMULATED ${gpu.model}`, style: "yellow" } : gpu.model) },
      { title: "MEMORY", value: (gpu) => formatBytes(gpu.memoryBytes), align: "right" },
      { title: "CC", value: (gpu) => gpu.computeCapability },
      { title: "USE", value: (gpu) => useText(node, gpu) },
      {
        title: "HEALTH",
        value: (gpu) =>
          quarantined(node, gpu) ?? (gpu.healthy ? { text: "ok", style: "green" } : { text: gpu.problem ?? "unhealthy", style: "red" }),
      },
    ],
    wide: [
      { title: "PCI", value: (gpu) => gpu.pciBusId },
      { title: "MINOR", value: (gpu) => gpu.minor, align: "right" },
      { title: "NUMA", value: (gpu) => gpu.numaNode, align: "right" },
      { title: "NVLINKS", value: (gpu) => gpu.nvlinks.reduce((sum, peer) => sum + peer.links, 0), align: "right" },
      { title: "MIG", value: (gpu) => migText(gpu.mig) },
    ],
    name: (gpu) => `gpu/${gpu.uuid}`,
    empty: "this node has no GPU",
  };
}

function quarantined({ controls }: NodeView, gpu: Gpu) {
  const found = controls?.quarantines.find(({ gpuUuid }) => gpuUuid === gpu.uuid || gpuUuid === null);
  return found === undefined ? null : { text: quarantineText(found), style: "red" as const };
}
