import type { NvmlSample } from "../../platform/index.ts";

/** Above these a reading is one of NVML's ways to say "unknown" (0xffffffff, the blank values of DCGM) or a broken sensor. */
const HIGHEST = {
  utilizationPercent: 100,
  memoryUtilizationPercent: 100,
  temperatureCelsius: 250,
  powerMilliwatts: 10_000_000,
  powerLimitMilliwatts: 10_000_000,
  smClockMhz: 20_000,
  memoryClockMhz: 50_000,
  energyMillijoules: 2 ** 53,
  pcieReplays: 2 ** 32 - 2,
} as const;
const MOST_MEMORY = 2 ** 48;

/** Without what cannot be true: a dashboard must show a gap rather than 4294967295 degrees. */
export function plausibleSample<Sample extends NvmlSample>(sample: Sample): Sample {
  const clean: Sample = { ...sample };
  for (const key of Object.keys(HIGHEST) as (keyof typeof HIGHEST)[]) {
    const value = sample[key];
    if (value !== null && !(value >= 0 && value <= HIGHEST[key])) clean[key] = null as Sample[typeof key];
  }
  clean.memoryTotalBytes = sane(sample.memoryTotalBytes);
  clean.memoryUsedBytes = Math.min(sane(sample.memoryUsedBytes), clean.memoryTotalBytes);
  return clean;
}

function sane(bytes: number): number {
  return bytes >= 0 && bytes <= MOST_MEMORY ? bytes : 0;
}
