import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** Paths that tell about, or reach, the host's hardware (moby's list, profiles of 2026). */
const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

const READONLY_PATHS: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Masked and read-only paths. */
export function withPathProtection(spec: OciSpec, input: SpecInput): OciSpec {
  return {
    ...spec,
    linux: { ...spec.linux, maskedPaths: [...MASKED_PATHS, ...input.hostMaskedPaths], readonlyPaths: [...READONLY_PATHS] },
  };
}
