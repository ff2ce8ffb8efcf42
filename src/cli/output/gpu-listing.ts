import { formatBytes } from "../../shared/domain/index.ts";
import type { GpuView } from "../client/gpu-view.ts";
import type { Listing } from "./formats.ts";
import { between } from "./time.ts";

/** The table of `berth gpu ls`; a partitioned GPU's MIG devices follow it. */
export function localGpuListing(now: number): Listing<GpuView> {
  return {
    columns: [
      { title: "GPU", value: (gpu) => gpu.index, align: "right" },
      { title: "UUID", value: (gpu) => gpu.uuid },
      { title: "MODEL", value: (gpu) => gpu.model },
      { title: "MEMORY", value: memory, align: "right" },
      { title: "UTIL", value: ({ telemetry }) => withUnit(telemetry?.utilizationPercent, "%"), align: "right" },
      { title: "TEMP", value: ({ telemetry }) => withUnit(telemetry?.temperatureCelsius, "C"), align: "right" },
      { title: "POWER", value: power, align: "right" },
      {
        title: "HEALTH",
        value: (gpu) => (gpu.healthy ? { text: "ok", style: "green" } : { text: gpu.problem ?? "unhealthy", style: "red" }),
      },
    ],
    wide: [
      { title: "PCI", value: (gpu) => gpu.pciBusId },
      { title: "MINOR", value: (gpu) => gpu.minor, align: "right" },
      { title: "CC", value: (gpu) => gpu.computeCapability },
      { title: "NUMA", value: (gpu) => gpu.numaNode, align: "right" },
      { title: "NVLINKS", value: (gpu) => gpu.nvlinks.reduce((sum, peer) => sum + peer.links, 0), align: "right" },
      { title: "MIG", value: (gpu) => migText(gpu.mig) },
      { title: "CLOCK", value: ({ telemetry }) => withUnit(telemetry?.smClockMhz, "MHz"), align: "right" },
      { title: "ECC", value: ({ ecc }) => (ecc === null ? null : ecc.enabled ? `${ecc.uncorrectable ?? "?"} uncorrectable` : "off") },
      { title: "REMAP", value: remap },
      { title: "PROCESSES", value: ({ telemetry }) => telemetry?.processes?.map(({ pid }) => pid).join(",") ?? null },
      { title: "LAST XID", value: ({ xids }) => lastXid(xids, now) },
    ],
    name: (gpu) => `gpu/${gpu.uuid}`,
    empty: "this machine has no GPU",
  };
}

/** "off", "on, empty", "2 x 1g.10gb, 3g.40gb"; null where a GPU cannot be partitioned. */
export function migText(mig: GpuView["mig"]): string | null {
  if (!mig) return null;
  if (!mig.enabled) return "off";
  const counts = new Map<string, number>();
  for (const { profile } of mig.devices) counts.set(profile, (counts.get(profile) ?? 0) + 1);
  const devices = [...counts].map(([profile, count]) => (count > 1 ? `${count} x ${profile}` : profile));
  return devices.length === 0 ? "on, empty" : devices.join(", ");
}

function memory({ telemetry, memoryBytes }: GpuView): string {
  const used = telemetry === null ? "?" : formatBytes(telemetry.memoryUsedBytes);
  return `${used}/${formatBytes(memoryBytes)}`;
}

function power({ telemetry }: GpuView): string | null {
  const { powerMilliwatts: draw = null, powerLimitMilliwatts: limit = null } = telemetry ?? {};
  if (draw === null) return null;
  return `${Math.round(draw / 1000)}${limit === null ? "" : `/${Math.round(limit / 1000)}`}W`;
}

function remap({ remappedRows }: GpuView): string | null {
  if (remappedRows === null) return null;
  if (remappedRows.failure) return "failed";
  return remappedRows.pending ? "pending" : String(remappedRows.correctable + remappedRows.uncorrectable);
}

function lastXid(xids: GpuView["xids"], now: number): string | null {
  const last = xids.at(-1);
  return last ? `${last.xid} (${between(last.at, now)} ago)` : null;
}

function withUnit(value: number | null | undefined, unit: string): string | null {
  return value === null || value === undefined ? null : `${value}${unit}`;
}
